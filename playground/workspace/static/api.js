// The workspace's JSON API and its event stream.

const AGAIN_MS = 2000;

async function read(response) {
  const body = await response.json().catch(() => ({}));
  return { status: response.status, ...body };
}

function failed(error) {
  return { ok: false, status: 0, message: `The playground did not answer (${error.message}).` };
}

async function ask(...request) {
  try {
    return await read(await fetch(...request));
  } catch (error) {
    return failed(error);
  }
}

export const get = (path) => ask(path);

export function post(path, body = {}) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

// The bytes of a file, as they are: a body that a form would take apart must stay whole.
export async function upload(path, file) {
  const headers = { "Content-Type": "application/octet-stream" };
  try {
    const response = await fetch(path, { method: "POST", headers, body: file });
    return { ok: response.ok, message: response.ok ? "" : `The playground answered ${response.status}.` };
  } catch (error) {
    return failed(error);
  }
}

export const look = (what, query = {}) => get(`/page/${what}?${new URLSearchParams(query)}`);

export const act = (what, body) => post(`/page/${what}`, body);

// Calls `changed` with each change, and with null whenever the stream (re)opens; tells `status`
// whether somebody answers. A browser gives up where the server answers an error, so this doesn't.
export function watch({ changed, status }) {
  const stream = new EventSource("/page/feed");
  stream.addEventListener("open", () => {
    status(true);
    changed(null);
  });
  stream.addEventListener("message", (event) => changed(JSON.parse(event.data)));
  stream.addEventListener("error", () => {
    status(false);
    if (stream.readyState !== EventSource.CLOSED) return;
    setTimeout(() => watch({ changed, status }), AGAIN_MS);
  });
  addEventListener("pagehide", () => stream.close());
}
