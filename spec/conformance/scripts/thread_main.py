import threading
main = threading.main_thread()
print(main, main is threading.current_thread(), main.name, main.daemon, main.is_alive())
print(threading.active_count(), threading.enumerate(), main.ident == threading.get_ident())
