// A small map of emoji shortcodes; others stay as they were written.

// Without a prototype, as every table here that is read by a name from outside: `constructor` is none.
export const EMOJI = {
  __proto__: null,
  "+1": "👍", thumbsup: "👍", "-1": "👎", thumbsdown: "👎", tada: "🎉", eyes: "👀", fire: "🔥",
  white_check_mark: "✅", heavy_check_mark: "✔️", ballot_box_with_check: "☑️", x: "❌",
  no_entry: "⛔", no_entry_sign: "🚫", warning: "⚠️", rotating_light: "🚨", bell: "🔔",
  no_bell: "🔕", hourglass: "⌛", hourglass_flowing_sand: "⏳", stopwatch: "⏱️", clock1: "🕐",
  mag: "🔍", mag_right: "🔎", bulb: "💡", memo: "📝", pencil2: "✏️", clipboard: "📋",
  bar_chart: "📊", chart_with_upwards_trend: "📈", chart_with_downwards_trend: "📉",
  rewind: "⏪", arrow_backward: "◀️", arrow_forward: "▶️", leftwards_arrow_with_hook: "↩️",
  arrows_counterclockwise: "🔄", repeat: "🔁", rocket: "🚀", package: "📦", wrench: "🔧",
  hammer_and_wrench: "🛠️", gear: "⚙️", lock: "🔒", unlock: "🔓", key: "🔑", shield: "🛡️",
  robot_face: "🤖", wave: "👋", pray: "🙏", raised_hand: "✋", point_right: "👉",
  large_green_circle: "🟢", large_yellow_circle: "🟡", large_orange_circle: "🟠",
  red_circle: "🔴", large_blue_circle: "🔵", white_circle: "⚪", black_circle: "⚫",
  pause_button: "⏸️", double_vertical_bar: "⏸️", stop_button: "⏹️", octagonal_sign: "🛑",
  snowflake: "❄️", zap: "⚡", moneybag: "💰", euro: "💶", dollar: "💵", mega: "📣",
  loudspeaker: "📢", calendar: "📆", date: "📅", link: "🔗", pushpin: "📌", speech_balloon: "💬",
  question: "❓", grey_question: "❔", exclamation: "❗", information_source: "ℹ️", star: "⭐",
  heart: "❤️", smile: "😄", thinking_face: "🤔", crossed_fingers: "🤞", ok_hand: "👌", skull: "💀",
};

export function emoji(name) {
  return EMOJI[name] ?? `:${name}:`;
}
