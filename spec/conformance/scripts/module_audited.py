import sys
events = []
sys.addaudithook(lambda event, args: events.append((event, args[0])) if event == "import" else None)
import json
print([name for event, name in events])
