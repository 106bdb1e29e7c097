"""/openapi.json: its structure by the rules of OpenAPI 3.1, its schemas by JSON Schema, and real
answers by its schemas."""
import re

import jsonschema

from raw import call

document = call("GET", "/openapi.json").value
schemas = document["components"]["schemas"]
assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
assert document["info"]["title"] and document["info"]["version"]
for name, schema in schemas.items():
    assert re.fullmatch(r"[a-zA-Z0-9._-]+", name), name
    jsonschema.Draft202012Validator.check_schema(schema)


def resolve(node):
    """Every reference leads somewhere."""
    if isinstance(node, dict):
        if "$ref" in node:
            assert node["$ref"].removeprefix("#/components/schemas/") in schemas, node
        for value in node.values():
            resolve(value)
    elif isinstance(node, list):
        for value in node:
            resolve(value)


def check_content(content):
    assert content
    for kind, media in content.items():
        assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", kind), kind
        assert set(media) <= {"schema", "example"}, media
        jsonschema.Draft202012Validator.check_schema(media["schema"])


def check_operation(path, method, operation, seen):
    assert set(operation) <= {"operationId", "summary", "parameters", "requestBody", "responses",
                              "description", "tags"}, operation
    assert operation["operationId"] not in seen, operation
    seen.add(operation["operationId"])
    names = set(re.findall(r"{(\w+)}", path))
    for parameter in operation["parameters"]:
        assert parameter["in"] in ("path", "query") and parameter["name"], parameter
        assert isinstance(parameter["required"], bool), parameter
        jsonschema.Draft202012Validator.check_schema(parameter["schema"])
        if parameter["in"] == "path":
            assert parameter["required"] and parameter["name"] in names, parameter
            names.discard(parameter["name"])
    assert not names, (path, names)
    if "requestBody" in operation:
        assert method not in ("get", "delete", "head"), path
        check_content(operation["requestBody"]["content"])
    assert operation["responses"]["200"]["description"]
    for status, response in operation["responses"].items():
        assert status == "default" or re.fullmatch(r"[1-5]\d\d", status), status
        assert response["description"]
        check_content(response["content"])


resolve(document)
ids = set()
for path, item in document["paths"].items():
    assert path.startswith("/") and item, path
    for method, operation in item.items():
        assert method in ("get", "put", "post", "delete"), method
        check_operation(path, method, operation, ids)
documented = {f"{method.upper()} {path}" for path, item in document["paths"].items()
              for method in item}
for route in ("GET /health", "GET /stats", "POST /sandbox/create", "GET /sandboxes",
              "GET /sandbox/{id}", "POST /sandbox/{id}/stop", "DELETE /sandbox/{id}",
              "POST /sandbox/tool/execute", "GET /sandbox/{id}/tools",
              "POST /sandbox/{id}/archive", "POST /pool/initialize", "POST /pool/execute",
              "GET /sandbox/{id}/files", "PUT /sandbox/{id}/files", "GET /metrics",
              "GET /openapi.json"):
    assert route in documented, route
assert "tool_python_executor" in schemas and "tool_shell_executor" in schemas


def conforms(reply, path, method="get"):
    schema = document["paths"][path][method]["responses"]["200"]["content"]["application/json"]
    jsonschema.Draft202012Validator({**schema["schema"], "components": document["components"]}) \
        .validate(reply.value)


made = call("POST", "/sandbox/create?sandbox_type=fake", {})
conforms(made, "/sandbox/create", "post")
one = "/sandbox/" + made.value["sandbox_id"]
conforms(call("GET", one), "/sandbox/{id}")
config = call("GET", one).value["config"]
assert set(config) <= set(schemas["SandboxConfig"]["properties"]), config
jsonschema.validate(config, schemas["SandboxConfig"])
conforms(call("GET", one + "/tools"), "/sandbox/{id}/tools")
conforms(call("GET", "/sandboxes"), "/sandboxes")
conforms(call("GET", "/health"), "/health")
conforms(call("POST", "/pool/execute?tool_name=shell_executor", {"command": ["echo", "x"]}),
         "/pool/execute", "post")
conforms(call("POST", one + "/stop"), "/sandbox/{id}/stop", "post")
conforms(call("DELETE", one), "/sandbox/{id}", "delete")
jsonschema.validate(call("GET", one).value, schemas["Error"])
print("fine")
