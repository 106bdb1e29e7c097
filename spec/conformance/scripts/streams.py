import sys
for name in ("stdin", "stdout", "stderr"):
    stream = getattr(sys, name)
    print(name, stream, stream is getattr(sys, "__%s__" % name), stream.mode, stream.encoding, stream.errors,
          stream.newlines, stream.line_buffering, stream.write_through, stream.isatty(), stream.fileno(),
          stream.seekable(), stream.readable(), stream.writable(), stream.closed)
    print(stream.buffer, stream.buffer.raw, stream.buffer.raw.closefd, stream.buffer.raw.mode)
