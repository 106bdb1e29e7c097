import time, datetime
print(time.tzname, time.timezone, time.daylight)
print(datetime.datetime.fromtimestamp(0))
#: env TZ=America/New_York
