// The workspace's JSON API and its event stream.

const AGAIN_MS = 2000;
// An app has 3 s for its answer; who has none after this has lost the workspace itself.
const PATIENCE_MS = 30_000;
// The stream says every 15 s that it is still there.
const SILENCE_MS = 40_000;

async function read(response) {
  const body = await response.json().catch((error) => {
    if (error instanceof SyntaxError) return {};
    throw error;
  });
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

function asJson(body) {
  const headers = { "Content-Type": "application/json" };
  return { method: "POST", headers, body: JSON.stringify(body) };
}

export const post = (path, body = {}) => ask(path, asJson(body));

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

export const look = (what, query = {}) => soon(`/page/${what}?${new URLSearchParams(query)}`);

export const act = (what, body) => soon(`/page/${what}`, asJson(body));

// The same, with an end to the waiting: what was asked for may have been done all the same.
async function soon(path, options = {}) {
  const ended = new AbortController();
  const late = new Error("nothing in 30 s; look before you repeat it");
  const timer = setTimeout(() => ended.abort(late), PATIENCE_MS);
  const answer = await ask(path, { ...options, signal: ended.signal });
  clearTimeout(timer);
  return answer;
}

// Calls `changed` with each change, and with null whenever the stream (re)opens; tells `status`
// whether somebody answers. A browser gives up where the server answers an error, so this doesn't.
export function watch({ changed, status }) {
  const stream = new EventSource("/page/feed");
  let silence = null;
  // A server that hangs, or a sleeping laptop's lost connection, is no error to the browser.
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      stream.close();
      status(false);
      watch({ changed, status });
    }, SILENCE_MS);
  };
  stream.addEventListener("open", () => {
    heard();
    status(true);
    changed(null);
  });
  stream.addEventListener("beat", heard);
  stream.addEventListener("message", (event) => {
    heard();
    changed(JSON.parse(event.data));
  });
  stream.addEventListener("error", () => {
    status(false);
    if (stream.readyState !== EventSource.CLOSED) return;
    clearTimeout(silence);
    setTimeout(() => watch({ changed, status }), AGAIN_MS);
  });
  addEventListener("pagehide", () => stream.close());
  heard();
}
