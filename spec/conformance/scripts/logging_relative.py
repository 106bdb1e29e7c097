import logging
record = logging.LogRecord("n", 1, "p", 1, "m", (), None)
print(0 <= record.relativeCreated < 5000, record.process > 1, record.processName, record.threadName)
