import sys
for name in ("stdin", "stdout", "stderr"):
    stream = getattr(sys, name)
    print(stream, stream is getattr(sys, "__%s__" % name), stream.mode, stream.encoding, stream.errors,
          stream.newlines, stream.line_buffering, stream.write_through, stream.isatty(), stream.fileno(),
          stream.seekable(), stream.readable(), stream.writable(), stream.closed, stream.buffer, stream.buffer.raw)
print(repr(sys.stdin.readline()), sys.stdin.newlines, repr(sys.stdin.read()))
#: stdin a\r\nb\rc\n
