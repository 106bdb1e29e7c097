command -v python3 >/dev/null && python3 -c 'import os, sys; print(sys.argv, os.environ.get("LD_PRELOAD"))'
