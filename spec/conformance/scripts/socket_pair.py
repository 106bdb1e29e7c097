import socket, select
a, b = socket.socketpair()
a.send(b"x")
print(select.select([b], [], [], 1)[0] == [b], b.recv(1), socket.getdefaulttimeout())
