"""What the clients of other systems send, by the libraries that they use: the whole
configuration with its defaults, through aiohttp, httpx, requests, http.client and urllib."""
import asyncio
import datetime
import http.client
import io
import json
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request

import aiohttp
import httpx
import requests

from raw import ADDRESS, URL

IMAGE = sys.argv[2]
CONFIG = {
    "timeout": 30, "tools_config": {"python_executor": {}, "shell_executor": {},
                                    "file_operation": {}},
    "working_dir": "/sandbox", "env_vars": {}, "resource_limits": {}, "image": IMAGE,
    "command": None, "volumes": {}, "ports": {}, "network": "bridge", "extra_hosts": {},
    "memory_limit": "4g", "cpu_limit": 2.0, "network_enabled": True, "privileged": False,
    "remove_on_exit": True, "platform": None, "pull_progress": True,
    "pull_progress_interval": 5.0, "docker_executor_workers": 8,
    "host": "127.0.0.1", "port": 8888, "token": None,
}
STATUSES = {"initializing", "running", "idle", "busy", "stopping", "stopped", "error"}


def archive():
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        info = tarfile.TarInfo("deep/file.txt")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"hello"))
    return data.getvalue()


def check_result(result, output):
    assert set(result) == {"tool_name", "status", "output", "error", "execution_time",
                           "timestamp", "metadata"}, result
    assert result["status"] == "success" and result["output"] == output, result
    assert result["error"] is None and isinstance(result["execution_time"], float)
    datetime.datetime.fromisoformat(result["timestamp"].replace("Z", "+00:00"))
    assert isinstance(result["metadata"], dict)


def check_info(info, sandbox, status="running"):
    assert {"id", "status", "type", "config", "created_at", "updated_at", "metadata",
            "available_tools"} <= set(info), info
    assert info["id"] == sandbox and info["type"] == "docker", info
    assert info["status"] in STATUSES and (not status or info["status"] == status), info
    for field in ("created_at", "updated_at"):
        datetime.datetime.fromisoformat(info[field].replace("Z", "+00:00"))
    tool = info["available_tools"]["python_executor"]
    assert tool["type"] == "function" and tool["function"]["name"] == "python_executor"
    assert "code" in tool["function"]["parameters"]["properties"]


async def whole_life(call):
    """call(method, path, query, json, data) -> status, value"""
    status, health = await call("GET", "/health")
    assert status == 200 and health["healthy"] and health["uptime"] >= 0
    assert isinstance(health["active_sandboxes"], int) and health["version"]
    assert isinstance(health["system_info"], dict)
    status, made = await call("POST", "/sandbox/create", {"sandbox_type": "docker"}, CONFIG)
    assert status == 200, made
    sandbox = made["sandbox_id"]
    status, info = await call("GET", f"/sandbox/{sandbox}")
    assert status == 200
    check_info(info, sandbox)
    status, tools = await call("GET", f"/sandbox/{sandbox}/tools")
    assert status == 200 and tools == info["available_tools"]
    status, listed = await call("GET", "/sandboxes", {"status": "running"})
    assert status == 200 and sandbox in [one["id"] for one in listed]
    status, result = await call("POST", "/sandbox/tool/execute", None, {
        "sandbox_id": sandbox, "tool_name": "python_executor",
        "parameters": {"code": "print('peer')"}, "timeout": None})
    assert status == 200
    check_result(result, "peer\n")
    status, _ = await call("POST", f"/sandbox/{sandbox}/archive", {"target_dir": "/sandbox/in"},
                           None, archive())
    assert status == 200 and _ == {"ok": True}, _
    status, result = await call("POST", "/sandbox/tool/execute", None, {
        "sandbox_id": sandbox, "tool_name": "shell_executor",
        "parameters": {"command": "cat in/deep/file.txt"}})
    check_result(result, "hello")
    status, result = await call("POST", "/pool/execute", {
        "tool_name": "python_executor", "timeout": 30.0}, {"code": "print('from pool')"})
    assert status == 200, result
    check_result(result, "from pool\n")
    for query, body, expected in (({"tool_name": "nope"}, {}, 404),
                                  ({"tool_name": "python_executor"}, {}, 400),
                                  ({"tool_name": "python_executor"}, {"code": 1}, 400)):
        status, value = await call("POST", "/pool/execute", query, body)
        assert status == expected and isinstance(value["detail"], str), (status, value)
    status, value = await call("POST", "/sandbox/create", {"sandbox_type": "docker"},
                               {**CONFIG, "memory": 1})
    assert status == 400 and "memory" in value["detail"], value
    status, stats = await call("GET", "/stats")
    for field in ("manager_type", "total_sandboxes", "status_counts", "sandbox_types", "running",
                  "cleanup_interval", "pool_size", "pool_enabled", "pool_initialized"):
        assert field in stats, field
    status, value = await call("POST", f"/sandbox/{sandbox}/stop")
    assert status == 200 and value["message"]
    status, info = await call("GET", f"/sandbox/{sandbox}")
    check_info(info, sandbox, "stopped")
    status, value = await call("DELETE", f"/sandbox/{sandbox}")
    assert status == 200 and value["message"]
    for method in ("GET", "DELETE"):
        status, value = await call(method, f"/sandbox/{sandbox}")
        assert status == 404 and value["detail"], (method, status)


async def pool_life(call, ids):
    """What the manager of the other system does around its pool: asks for each sandbox, uses
    the pool, deletes the sandboxes one by one, and comes again with another configuration."""
    for sandbox in ids:
        status, info = await call("GET", f"/sandbox/{sandbox}")
        assert status == 200
        check_info(info, sandbox, "idle")
    status, result = await call("POST", "/pool/execute", {
        "tool_name": "python_executor", "timeout": 30}, {"code": "1 / 0", "timeout": 30})
    assert status == 200 and result["status"] == "error" and "ZeroDivision" in result["error"]
    status, value = await call("POST", "/pool/initialize", {"pool_size": 1}, {"image": IMAGE})
    assert status == 400 and "already" in value["detail"], value
    for sandbox in ids:
        status, value = await call("DELETE", f"/sandbox/{sandbox}")
        assert status == 200 and value["message"], value
    status, value = await call("POST", "/pool/execute", {"tool_name": "python_executor"},
                               {"code": "print(1)"})
    assert status == 400 and "pool" in value["detail"], value
    for _ in range(2):  # the same again changes nothing
        status, value = await call("POST", "/pool/initialize", {"pool_size": 1},
                                   {"image": IMAGE, "timeout": 31})
        assert status == 200 and value["pool_size"] == len(value["sandbox_ids"]) == 1, value
    status, result = await call("POST", "/pool/execute", {"tool_name": "python_executor"},
                                {"code": "print(2)"})
    check_result(result, "2\n")


async def with_aiohttp(life):
    async with aiohttp.ClientSession() as session:
        async def call(method, path, query=None, body=None, data=None):
            async with session.request(method, URL + path, params=query, json=body,
                                       data=data) as reply:
                return reply.status, await reply.json()
        await life(call)


async def with_httpx():
    async with httpx.AsyncClient(base_url=URL, timeout=60) as client:
        async def call(method, path, query=None, body=None, data=None):
            reply = await client.request(method, path, params=query, json=body, content=data)
            return reply.status_code, reply.json()
        await whole_life(call)
        async with client.stream("POST", "/pool/execute?stream=1&tool_name=shell_executor",
                                 json={"command": "echo a; echo b >&2"}) as reply:
            events = [line async for line in reply.aiter_lines() if line.startswith("event:")]
            assert [event.strip() for event in events][-1] == "event: result", events


async def with_requests():
    session = requests.Session()

    async def call(method, path, query=None, body=None, data=None):
        reply = session.request(method, URL + path, params=query, json=body, data=data)
        return reply.status_code, reply.json()
    await whole_life(call)


async def with_http_client():
    connection = http.client.HTTPConnection(ADDRESS.hostname, ADDRESS.port)

    async def call(method, path, query=None, body=None, data=None):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        if body is not None:
            data = json.dumps(body)
        connection.request(method, path, data,
                           {"Content-Type": "application/json"} if body is not None else {})
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    await whole_life(call)


async def with_urllib():
    async def call(method, path, query=None, body=None, data=None):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        kind = "application/octet-stream"
        if body is not None:
            data, kind = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(URL + path, data, {"Content-Type": kind}, method=method)
        try:
            with urllib.request.urlopen(request) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
    await whole_life(call)


async def main():
    reply = requests.post(URL + "/pool/initialize", {}, CONFIG,
                          params={"pool_size": 2, "sandbox_type": "docker"})
    assert reply.status_code == 200, reply.text
    value = reply.json()
    assert value["pool_size"] == 2 and len(value["sandbox_ids"]) == 2 and value["message"]
    await asyncio.gather(with_aiohttp(whole_life), with_httpx())
    for one in (with_requests, with_http_client, with_urllib):
        await one()
    await with_aiohttp(lambda call: pool_life(call, value["sandbox_ids"]))


asyncio.run(main())
print("fine")
