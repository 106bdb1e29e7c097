// Node's fetch, given up midway: nothing stays busy.
import assert from "node:assert";

const url = process.argv[2];

// Not AbortSignal.timeout: Node 18 may forget such a signal before its time.
const given_up = await Promise.allSettled([...Array(20).keys()].map(() => {
  const giving_up = new AbortController();
  setTimeout(() => giving_up.abort(), 200);
  return fetch(url + "/pool/execute?tool_name=shell_executor", {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ command: ["sleep", "1000"] }), signal: giving_up.signal });
}));
assert.ok(given_up.every((one) => one.status === "rejected"));
for (let i = 0; ; i++) {
  const stats = await (await fetch(url + "/stats")).json();
  if (stats.busy === 0 && stats.waiting === 0) break;
  assert.ok(i < 500, JSON.stringify(stats));
  await new Promise((done) => setTimeout(done, 20));
}
console.log("fine");
