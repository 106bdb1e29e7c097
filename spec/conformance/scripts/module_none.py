import sys
sys.modules["json"] = None
import json
