---@meta enclave.core
-- What the C module `enclave.core` offers to the Lua side: annotations only, never
-- loaded. Policy (tools, hooks, results for people) is in the other files here.
--
-- Errors. An expected failure is `nil, err`; a wrong type or an unknown option throws
-- the same kind of object. Times are seconds; nil waits for ever, 0 does not wait.
--
-- Waiting. A function marked "waits" suspends the running task; outside of a task it
-- turns the loop until it is done.

---@class enclave.Error
---@field code "invalid"|"timeout"|"cancelled"|"closed"|"not_found"|"exhausted"|"unavailable"|"docker"|"lost"|"protocol"|"nomem"|"internal"
---@field message string one sentence
---@field op string what was being done: "pool.acquire"
---@field http_status? integer what Docker answered, with code "docker"
---@field partial? enclave.RunResult what came before a failure of exec or Run:wait

---@class enclave.core
---@field version string
local core = {}

---Makes an error object (tostring: "code: message").
---@param code string
---@param message string
---@param op? string
---@return enclave.Error
function core.error(code, message, op) end

---Sets up the engine of this Lua state; it is made on first use otherwise.
---@param options { log_level?: "debug"|"info"|"warn"|"error"|"off", on_log?: fun(level: string, line: string) }
function core.configure(options) end

---Writes a line to the engine's log.
---@param level "debug"|"info"|"warn"|"error"
---@param line string
function core.log(level, line) end

-- tasks ------------------------------------------------------------------------------

---Runs fn as a task and turns the loop until it ends. Waits. Tasks that it left behind go on
---when something waits next; failures that no one joined are logged.
---@param fn function
---@param ... any
---@return any ... what fn returned; an error in fn is thrown again with its traceback
function core.run(fn, ...) end

---Starts fn as a task; it first runs when the caller waits next.
---@param fn function
---@param ... any
---@return enclave.Task
function core.spawn(fn, ...) end

---As pcall, with a traceback, for a function that must end: it is stopped by an error after so
---many instructions of the Lua machine, counted over it and all coroutines and tasks that it
---starts. Waiting costs none.
---@param limit integer
---@param fn function
---@param ... any
---@return boolean fine
---@return any ... what it returned, or what was thrown: a string has its traceback
function core.bounded(limit, fn, ...) end

---@param seconds number
---@return true|nil
---@return enclave.Error? err code "cancelled"
function core.sleep(seconds) end

---@return number seconds monotonic
function core.now() end

---@return number seconds since 1970, with fractions
function core.time() end

---What has begun and not ended: for finding leaks.
---@return { tasks: integer, operations: integer } # operations: timers, requests and streams
function core.pending() end

---Closes the connections that are kept for the next request, unless one is under way.
function core.drop_idle() end

---@return enclave.Task|nil # the running task
function core.current() end

---@class enclave.Task
local Task = {}
---Waits for its end. An error thrown in the task comes as `nil, err` (code "internal", the
---traceback in the message; an error object as it is); a cancelled one as code "cancelled".
---@param timeout? number
---@return true|nil, any ... true and what it returned
function Task:join(timeout) end
---The task's pending wait ends with code "cancelled", and every wait after it. A task that
---ends with that error counts as cancelled.
---A program that the task runs is killed first. __close cancels and waits for the end.
function Task:cancel() end
---@return "running"|"done"|"failed"|"cancelled"
function Task:status() end

-- pools ------------------------------------------------------------------------------

---@class enclave.core.PoolHooks
---@field created? fun(sandbox: enclave.Sandbox): boolean|nil, enclave.Error? run as a task for each new sandbox before it is lent; nil or a throw retires it
---@field retiring? fun(sandbox: enclave.Sandbox, reason: string) run as a task before a sandbox is removed

---@param driver string "docker" or "fake"
---@param driver_options table|nil { host = "unix:///var/run/docker.sock" }
---@param config table sandbox_config without what is policy (tools_config)
---@param options table { name, size, max_size, max_waiters, max_uses, max_age, idle_ttl, parallel }
---@param hooks? enclave.core.PoolHooks
---@return enclave.Pool|nil
---@return enclave.Error? err
function core.pool(driver, driver_options, config, options, hooks) end

---@class enclave.Pool
local Pool = {}
---Fills it. Waits.
---@param progress? fun(what: string, part: string, current: integer, total: integer)
---@return integer|nil up how many sandboxes came up
---@return enclave.Error? err also with a number, when some did not come up
function Pool:warm(progress) end
---Borrows a sandbox. Waits.
---@param timeout? number
---@return enclave.Sandbox|nil
---@return enclave.Error? err
function Pool:acquire(timeout) end
---Counts a finished call for the histogram of runs.
---@param seconds number
---@return true|nil
---@return enclave.Error? err
function Pool:ran(seconds) end
---@return table stats see src/pool/pool.h
function Pool:stats() end
---How many waits, runs, resets and creations took at most each of these times.
---@param bounds number[] seconds, ascending, at most 64
---@return table<string, { sum: number, count: integer, at_most: integer[] }> # by "wait", "run", "reset", "create"
function Pool:histograms(bounds) end
---@return table[] # description of each sandbox
function Pool:sandboxes() end
---@return table config with all defaults filled in
function Pool:config() end
---Cancels waiters, removes sandboxes. Waits until the last is gone. Idempotent.
function Pool:close() end

-- sandboxes --------------------------------------------------------------------------

---Creates a sandbox of its own. Waits.
---@param driver string
---@param driver_options table|nil
---@param config table
---@param progress? fun(what: string, part: string, current: integer, total: integer)
---@return enclave.Sandbox|nil
---@return enclave.Error? err
function core.sandbox(driver, driver_options, config, progress) end

---A borrowed sandbox or one of its own. To be closed: a borrowed one goes back to its
---pool, one of its own is removed. Methods after that give code "closed".
---@class enclave.Sandbox
---@field id string
---@field last_reset? { seconds: number, processes: integer, files: integer, ipc: integer } the cleaning before this borrower, and what it found
local Sandbox = {}

---@class enclave.core.Exec
---@field argv string[]
---@field warm? string interpreter that may serve argv already running: "python3", "sh"
---@field code? string written to code_path first
---@field code_path? string
---@field env? table<string, string>
---@field cwd? string
---@field user? string
---@field stdin? string
---@field stdin_open? boolean more follows by Run:write
---@field timeout? number the program's deadline; nil: the sandbox's default
---@field max_output_size? integer|string
---@field limits? table { cpu_seconds, memory, file_size, open_files, processes, stack }
---@field on_stdout? fun(bytes: string) as it comes; then result.stdout is empty
---@field on_stderr? fun(bytes: string)
---@field keep_output? boolean with on_stdout, on_stderr: the result holds it all the same

---@class enclave.RunResult
---@field status "exited"|"signaled"|"timeout"|"cancelled"
---@field exit_code? integer
---@field signal? integer by which it ended; over the exec channel an exit code of 129 to 159 is
---  taken for a signal, as Docker does not tell them apart
---@field limit? "time"|"cpu"|"memory"|"output"|"pids"|"disk"|"files"
---@field stdout string
---@field stderr string
---@field stdout_total integer bytes that the program wrote
---@field stderr_total integer
---@field truncated boolean
---@field wall number seconds
---@field user number seconds of CPU
---@field system number
---@field peak_memory integer bytes
---@field oom_killed boolean
---@field warm boolean
---@field isolation "namespaces"|"reset"|"container" what kept it apart; container: the exec channel

---Runs a program to its end. Waits. On failure partial output is in err.partial.
---@param spec enclave.core.Exec
---@return enclave.RunResult|nil
---@return enclave.Error? err
function Sandbox:exec(spec) end

---Starts a program and returns at once.
---@param spec enclave.core.Exec without on_stdout, on_stderr
---@return enclave.Run|nil
---@return enclave.Error? err
function Sandbox:start(spec) end

---@param path string relative to the work folder, or absolute
---@param bytes string
---@param options? { mode?: integer, timeout?: number }
---@return true|nil
---@return enclave.Error? err
function Sandbox:put_file(path, bytes, options) end
---@param path string
---@param options? { max_size?: integer, timeout?: number } max_size: default 64 MiB
---@return string|nil bytes
---@return enclave.Error? err
function Sandbox:get_file(path, options) end
---Many at once, into the work folder.
---@param files table<string, string> bytes by name; folders are made as they are needed
---@return true|nil
---@return enclave.Error? err
function Sandbox:put_files(files) end
---@param tar string plain or gzip
---@param folder? string
---@return true|nil
---@return enclave.Error? err
function Sandbox:put_archive(tar, folder) end
---@param host_folder string
---@param folder? string
---@return true|nil
---@return enclave.Error? err
function Sandbox:put_dir(host_folder, folder) end
---Cleans it now. Waits.
---@return { seconds: number, processes: integer, files: integer, ipc: integer }|nil
---@return enclave.Error? err
function Sandbox:reset() end
---@return table # { id, status, type, config, created_at, updated_at, metadata }
function Sandbox:describe() end
---@return string status "initializing"|"running"|"idle"|"busy"|"stopping"|"stopped"|"error"
function Sandbox:status() end
---Gives a borrowed one back (retire: why it must not be used again); removes one of its
---own. Waits for the removal, not for a pool's cleaning. Idempotent.
---@param retire? string
function Sandbox:close(retire) end
---The table of methods, to which the Lua side adds its own.
core.Sandbox = Sandbox

---@class enclave.Run
local Run = {}
---The next piece of output. Waits. nil: both streams have ended (with an error: the reading
---task was cancelled). A program that nobody reads is held back; wait lets it go.
---@return "stdout"|"stderr"|nil stream
---@return string|enclave.Error|nil bytes
function Run:read() end
---Sends input. Does not wait: what the program has not read yet is kept in memory, all of it.
---@param bytes string
---@return true|nil
---@return enclave.Error? err
function Run:write(bytes) end
---The program reads the end of its input.
function Run:close_input() end
---Waits for the end.
---@return enclave.RunResult|nil
---@return enclave.Error? err
function Run:wait() end
---Kills it; wait then tells status "cancelled".
function Run:cancel() end
---Kills and forgets it. Also __close.
function Run:close() end

-- the host ---------------------------------------------------------------------------

---One HTTP request. Waits. Any status is a reply. host says where the server is as DOCKER_HOST
---does ("unix:///run/x.sock"; url is then a path), certs is a folder with ca.pem, cert.pem, key.pem.
---@param request { url: string, method?: string, headers?: table<string, string>, body?: string, timeout?: number, max_reply?: integer, host?: string, certs?: string }
---@return { status: integer, body: string, content_type: string, retry_after?: number }|nil
---@return enclave.Error? err
function core.http(request) end

---A server. Each request runs the handler as a task of its own; what it returns is the
---answer: status, body and a map of headers; unless it began one by the reply. The task is
---cancelled when its client goes.
---@param options enclave.core.HttpdOptions
---@return enclave.HttpServer|nil
---@return enclave.Error? err
function core.httpd(options) end

---@class enclave.core.HttpdOptions
---@field host? string an IP address or "localhost"; default "127.0.0.1"
---@field port integer 0: any that is free
---@field handler fun(request: enclave.core.HttpdRequest, reply: enclave.HttpReply): integer?, string?, table<string, string>?
---@field open_options? boolean requests with method OPTIONS need no key
---@field api_key? string requests without it get 401 before their body is read
---@field tls_cert? string PEM text
---@field tls_key? string PEM text
---@field max_body? integer|string default 256 MiB; more is answered with 413
---@field max_bodies? integer|string of all requests and large answers at a time, default 512 MiB; else 503
---@field max_header? integer|string request line and headers, default 12 KiB
---@field max_connections? integer default 4096
---@field max_requests? integer on one connection; 0, the default: no limit
---@field idle_timeout? integer seconds; default 60; 0: never
---@field request_timeout? integer seconds, beyond the idle ones, for a head or body; default 60

---@class enclave.core.HttpdRequest
---@field method string
---@field uri string path and query as they were sent
---@field body string
---@field headers table<string, string> names in lower case

---An answer in pieces. It ends well when the handler returns; when that throws or is
---cancelled, the connection is cut.
---@class enclave.HttpReply
local HttpReply = {}
---Routes call request:begin in its place.
---@param status integer
---@param headers? table<string, string>
---@return true|nil
---@return enclave.Error? err code "cancelled": the client has gone
function HttpReply:begin(status, headers) end
---Sends a piece of the body. Waits while the client is behind.
---@param bytes string
---@return true|nil
---@return enclave.Error? err
function HttpReply:write(bytes) end

---A listening server; to be closed.
---@class enclave.HttpServer
local HttpServer = {}
---@return integer|nil port nil: it is closed
function HttpServer:port() end
---@return integer # requests that are not answered to the end
function HttpServer:busy() end
---Takes no new connections and waits until what runs is answered.
---@param timeout? number
---@return true|nil
---@return enclave.Error? err code "timeout"
function HttpServer:drain(timeout) end
---Closes every connection and cancels the tasks of its requests. Idempotent.
function HttpServer:close() end

---Waits for SIGINT or SIGTERM, which end the process no more while this waits. After the
---first one their default action is back in force.
---@return "INT"|"TERM"|nil
---@return enclave.Error? err
function core.wait_signal() end

---The next bytes of standard input, as they come. Waits. nil: it has ended.
---@return string|nil
---@return enclave.Error? err
function core.read_input() end

---@param descriptor integer 0, 1, 2
---@return { columns: integer, rows: integer }|nil # nil: it is no terminal
function core.terminal(descriptor) end

---Calls fn when something changed in a folder (not in those below), once it was quiet for a
---moment; while something waits. To be closed; what nobody refers to ends by itself.
---@param folder string
---@param fn fun()
---@return enclave.Watch|nil
---@return enclave.Error? err the folder is not there, or the host cannot tell
function core.watch(folder, fn) end

---@class enclave.Watch
local Watch = {}
---Idempotent.
function Watch:close() end

---@param value any
---@param array table the metatable of what is an array also when it is empty
---@param ready table the metatable of what is text already, in its field text
---@return string # throws a string when there is no such text
function core.json_encode(value, array, ready) end

---@param text string JSON
---@return any value nil: no integer in it is too long for a double, or it cannot be read
function core.json_integers(text) end

---@param bytes string
---@return string
function core.base64_encode(bytes) end

---@param text string
---@return string|nil bytes
---@return string? problem
function core.base64_decode(text) end

---@param path string
---@return { name: string, type: "file"|"directory"|"link"|"other" }[]|nil # sorted by name
---@return enclave.Error? err
function core.scandir(path) end

---A folder of this machine as a tar: files, folders, symbolic links as such.
---@param host_folder string
---@return string|nil tar
---@return enclave.Error? err
function core.archive_folder(host_folder) end

---Files of memory as a tar, readable by all.
---@param files table<string, string> bytes by name
---@return string|nil tar
---@return enclave.Error? err
function core.archive_files(files) end

---The text of a Lua file that the program carries ("bundle:/enclave/init.lua").
---@param path string
---@return string|nil
function core.bundled(path) end

---@param path string
---@return { type: string, size: integer, mtime: number }|nil
---@return enclave.Error? err
function core.stat(path) end

return core
