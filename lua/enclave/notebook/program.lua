-- The program that is a notebook's kernel, in Python: it keeps one namespace and runs cells in it,
-- by IPython where the image has one, else by itself. It reads requests from its standard input,
-- one JSON text a line, and writes what a cell's code writes where that goes anyway; between that,
-- marked by a token that nobody else knows, frames with everything that is not text. Its input ends
-- with the engine, and so does it.
return [==[
import ast, base64, builtins, io, json, linecache, math, os, queue, re, signal, sys, threading
import traceback, types

LARGEST = 30 << 20  # bytes of a frame
requests = queue.Queue()
state = types.SimpleNamespace(running=None, count=0, pid=os.getpid(), shown=set())
control = os.fdopen(os.dup(0), "rb")
null = os.open(os.devnull, os.O_RDONLY)
os.dup2(null, 0)
os.close(null)
os.unlink(__file__)
hello = json.loads(control.readline())
token = hello["token"].encode()
main = types.ModuleType("__main__")
main.__builtins__ = builtins
sys.modules["__main__"], sys.argv = main, [""]
sys.stdout.reconfigure(line_buffering=True)
signal.signal(signal.SIGINT, signal.SIG_IGN)


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def flush():
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()
        except Exception:
            pass


def encode(value):
    # A surrogate that stands alone has no place in UTF-8.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def frame(kind, **fields):
    if os.getpid() != state.pid:
        return
    flush()
    data = encode({"type": kind, "id": state.running, **fields})
    if len(data) > LARGEST:
        data = encode({"type": "too_large", "id": state.running})
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # whole or not at all
    try:
        write_all(1, b"\0%s:%d\n" % (token, len(data)) + data)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def plain(value):
    """What JSON can carry: numbers that are none are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(member) for member in value]
    good = isinstance(value, (str, int, bool, type(None)))
    return value if good else str(value)


def bundle(data):
    clean = {}
    for mime, value in data.items():
        if isinstance(value, (bytes, bytearray)):
            value = base64.b64encode(value).decode()
        elif isinstance(value, str) and mime.startswith("image/") and mime != "image/svg+xml":
            value = value.replace("\n", "")
        clean[mime] = plain(value)
    return clean


def picture(figure):
    out = io.BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight")
    state.shown.add(id(figure))
    return out.getvalue()


def pictures(*args, **kwargs):
    """Shows the figures that are open, but for those that the cell has displayed by itself."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    for number in pyplot.get_fignums() if pyplot else ():
        figure = pyplot.figure(number)
        if id(figure) not in state.shown:
            data = {"text/plain": repr(figure), "image/png": picture(figure)}
            frame("display_data", data=bundle(data))
        pyplot.close(figure)


class Backend:
    """Makes enclave_backend, by which matplotlib shows its figures here."""

    def find_spec(self, name, path=None, target=None):
        if name == "enclave_backend":
            from importlib.machinery import ModuleSpec
            return ModuleSpec(name, self)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec("from matplotlib.backends.backend_agg import *", module.__dict__)
        module.show = pictures


os.environ.setdefault("MPLBACKEND", "module://enclave_backend")
os.environ.setdefault("IPYTHONDIR", "/tmp/.ipython")  # the work folder is the user's
os.environ.setdefault("MPLCONFIGDIR", "/tmp/.matplotlib")


def report(name, value, lines):
    frame("error", ename=name, evalue=value, traceback=lines)


class Plain:
    formats = {"_repr_html_": "text/html", "_repr_markdown_": "text/markdown",
               "_repr_svg_": "image/svg+xml", "_repr_png_": "image/png",
               "_repr_jpeg_": "image/jpeg", "_repr_latex_": "text/latex",
               "_repr_json_": "application/json"}
    name = "python"

    def __init__(self):
        self.space, self.loop = main.__dict__, None
        self.space.update(__name__="__main__", display=self.display)

    def describe(self, value):
        data = {}
        method = getattr(type(value), "_repr_mimebundle_", None)
        if method:
            given = method(value)
            data.update(given[0] if isinstance(given, tuple) else given or {})
        for method_name, mime in self.formats.items():
            method = getattr(type(value), method_name, None)
            given = method(value) if method else None
            if given is not None:
                data[mime] = given[0] if isinstance(given, tuple) else given
        figure = sys.modules.get("matplotlib.figure")
        if figure and isinstance(value, figure.Figure):
            data["image/png"] = picture(value)
        data.setdefault("text/plain", repr(value))
        return bundle(data)

    def display(self, *values, **kwargs):
        for value in values:
            frame("display_data", data=self.describe(value))

    def evaluate(self, code):
        if code.co_flags & 0x80:  # a coroutine: it awaits
            if self.loop is None:
                import asyncio
                self.loop = asyncio.new_event_loop()
                asyncio.set_event_loop(self.loop)
            return self.loop.run_until_complete(eval(code, self.space))
        return eval(code, self.space)

    def failed(self, name):
        kind, value, trace = sys.exc_info()
        while trace and not trace.tb_frame.f_code.co_filename.startswith("<cell"):
            trace = trace.tb_next
        lines = traceback.format_exception(kind, value, trace)
        report(kind.__name__, str(value), "".join(lines).splitlines())
        return False

    def run(self, text):
        name = "<cell %d>" % state.count
        text = re.sub(r"(?m)^%matplotlib\b.*$", "", text)  # as it is here anyway
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        try:
            tree, last = compile(text, name, "exec", ast.PyCF_ONLY_AST
                                 | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), None
            shown = tree.body and not text.rstrip().endswith(";")
            if shown and isinstance(tree.body[-1], ast.Expr):
                last = ast.Expression(tree.body.pop().value)
            self.evaluate(compile(tree, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
            if last is not None:
                value = self.evaluate(compile(last, name, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
                if value is not None:
                    self.space["_"] = value
                    frame("execute_result", count=state.count, data=self.describe(value))
            return True
        except BaseException:
            return self.failed(name)


def with_ipython():
    sys.modules["jedi"] = None  # nothing is completed here: a fifth of the start
    try:
        from IPython.core.interactiveshell import InteractiveShell
    finally:
        del sys.modules["jedi"]
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, *args, **kwargs):
            frame("display_data", data=bundle(data), metadata=plain(metadata or {}))

        def clear_output(self, wait=False):
            frame("clear_output")

    class Hook(DisplayHook):
        def write_output_prompt(self):
            pass

        def write_format_data(self, format_dict, md_dict=None):
            frame("execute_result", count=state.count, data=bundle(format_dict),
                  metadata=plain(md_dict or {}))

        def finish_displayhook(self):
            pass

    class Shell(InteractiveShell):
        name = "ipython"

        def _showtraceback(self, etype, evalue, stb):
            report(etype.__name__, str(evalue), [line for part in stb for line in part.split("\n")])

        def init_history(self):
            self.config.HistoryManager.enabled = False
            super().init_history()

        def enable_gui(self, gui=None):
            pass

        system = InteractiveShell.system_raw

        def run(self, text):
            self.execution_count = state.count
            result = self.run_cell(text, store_history=True)
            return result.success

    shell = Shell.instance(display_pub_class=Publisher, displayhook_class=Hook, user_module=main,
                           user_ns=main.__dict__, colors="NoColor")
    shell.display_formatter.active_types = shell.display_formatter.format_types
    png = shell.display_formatter.formatters["image/png"]
    png.for_type_by_name("matplotlib.figure", "Figure", picture)
    return shell


def listen():
    for line in control:
        request = json.loads(line)
        if request["op"] == "run":
            requests.put(request)
        elif request["op"] == "interrupt" and request["id"] == state.running:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    os._exit(0)


def cell(shell, request):
    state.count += 1
    state.running, state.shown = request["id"], set()
    frame("begin")
    write_all(2, b"\0%s:%d\n" % (token, request["id"]))
    fine = False
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            fine = shell.run(request["code"])
            pictures()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except BaseException as problem:
        report(type(problem).__name__, str(problem), [repr(problem)])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.getpid() != state.pid:
        os._exit(0 if fine else 1)
    done, state.running = state.running, None
    flush()
    data = encode({"type": "done", "id": done, "ok": bool(fine), "count": state.count})
    write_all(1, b"\0%s:%d\n" % (token, len(data)) + data)
    write_all(2, b"\0%s:%d\n" % (token, done))


threading.Thread(target=listen, daemon=True).start()
try:
    shell = Plain() if hello.get("plain") else with_ipython()
except ImportError:
    shell = Plain()
sys.meta_path.append(Backend())  # not before: what the interpreter has preloaded would be lost
frame("ready", shell=shell.name)
while True:
    try:
        cell(shell, requests.get())
    except KeyboardInterrupt:
        pass
]==]
