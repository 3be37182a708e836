// The workspace's JSON API and its event stream.

async function read(response) {
  const body = await response.json().catch(() => ({}));
  return { status: response.status, ...body };
}

function failed(error) {
  return { ok: false, status: 0, message: `The playground did not answer (${error.message}).` };
}

export async function look(what, query = {}) {
  try {
    return await read(await fetch(`/page/${what}?${new URLSearchParams(query)}`));
  } catch (error) {
    return failed(error);
  }
}

export async function act(what, body) {
  return post(`/page/${what}`, body);
}

export async function post(path, body = {}) {
  try {
    const headers = { "Content-Type": "application/json" };
    return await read(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
  } catch (error) {
    return failed(error);
  }
}

export async function get(path) {
  try {
    return await read(await fetch(path));
  } catch (error) {
    return failed(error);
  }
}

// Calls back with each change, and with null whenever the stream (re)opens.
export function watch(changed) {
  const stream = new EventSource("/page/feed");
  stream.addEventListener("open", () => changed(null));
  stream.addEventListener("message", (event) => changed(JSON.parse(event.data)));
  addEventListener("pagehide", () => stream.close());
  return stream;
}
