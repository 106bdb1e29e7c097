set | grep -v -e '^_=' -e '^PPID=' | sort
