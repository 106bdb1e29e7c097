import time, datetime, calendar, locale, os
print(time.tzname, time.timezone, time.daylight, datetime.datetime.fromtimestamp(0))
os.environ["TZ"] = "America/New_York"
time.tzset()
print(time.localtime(0)[:5], calendar.month_name[1], locale.getlocale(), locale.localeconv()["decimal_point"])
print(time.process_time() < 5, time.thread_time() < 5, abs(time.time() - os.stat(__file__).st_mtime) < 3600)
print(time.get_clock_info("monotonic").implementation, time.strftime("%A %B", time.gmtime(0)))
