// Node's own client: fetch, with streams and aborts.
import assert from "node:assert";

const url = process.argv[2];
const call = (path, body, options = {}) => fetch(url + path, body === undefined ? options : {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  ...options });

const health = await call("/health");
assert.equal(health.status, 200);
assert.equal((await health.json()).healthy, true);

const results = await Promise.all([...Array(50).keys()].map(async (i) => {
  const reply = await call("/pool/execute?tool_name=shell_executor", { command: ["echo", `${i}`] });
  return (await reply.json()).output;
}));
assert.deepEqual(results, [...Array(50).keys()].map((i) => `${i}\n`));

const bad = await call("/pool/execute?tool_name=nope", {});
assert.equal(bad.status, 404);
assert.ok((await bad.json()).detail);

const streamed = await call("/pool/execute?tool_name=shell_executor&stream=1",
  { command: ["echo", "as it comes"] });
assert.equal(streamed.headers.get("content-type"), "text/event-stream; charset=utf-8");
let text = "";
for await (const piece of streamed.body.pipeThrough(new TextDecoderStream())) text += piece;
assert.match(text, /^event: stdout\ndata: {"text":"as it comes\\n"}\n\nevent: result\n/);
console.log("fine");
