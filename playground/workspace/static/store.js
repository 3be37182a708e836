// What the page knows: who acts, which channel and thread are shown, and names for ids.

export const store = {
  user: sessionStorage.getItem("user") ?? "U0ANA",
  channel: null,
  thread: null,
  highlight: null,
  state: null,
  // The messages that are loaded: of the channel, and of the thread beside it.
  history: null,
  replies: null,
  sessions: {},
  // Until where somebody has read a channel, and where that was when it was opened.
  read: new Map(),
  newSince: null,
};

export function actAs(user) {
  store.user = user;
  sessionStorage.setItem("user", user);
}

function find(list, id) {
  return (store.state?.[list] ?? []).find((item) => item.id === id);
}

export const names = {
  user: (id) => find("users", id)?.real_name,
  channel: (id) => find("channels", id)?.name,
  isMe: (id) => id === store.user,
  people: () => (store.state?.users ?? []).filter((user) => !user.is_bot),
  group: (id) => {
    const group = find("usergroups", id);
    return group && { handle: group.handle, isMine: group.users.includes(store.user) };
  },
};

export function currentChannel() {
  return find("channels", store.channel);
}

export function rootTs(message) {
  return message.thread_ts && message.thread_ts !== message.ts ? message.thread_ts : null;
}

export function isTopLevel(message) {
  return !rootTs(message) || message.subtype === "thread_broadcast";
}

export function sessionText(session) {
  const name = store.state?.app.name ?? "The app";
  return {
    processing: `${name} is working …`,
    suspended: "waiting for a person",
  }[session?.status] ?? "";
}
