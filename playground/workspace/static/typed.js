// What was typed and chosen in a view or a message, so that drawing it anew keeps it.

export class Typed {
  // Without prototypes: ids are the app's, and `__proto__` is one.
  constructor() { this.values = Object.create(null); }
  get(block, action) { return this.values[block]?.[action]; }
  set(block, action, value) { (this.values[block] ??= Object.create(null))[action] = value; }
}
