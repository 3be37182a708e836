"""Which signs of a text nobody sees, or turn what is seen around."""

# Control, format (of no width, or turning text around), surrogate, private use, line separators.
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# Letters and marks that are drawn as nothing (Unicode's Default_Ignorable_Code_Point, without the
# selectors of emoji, and the empty braille pattern).
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code)
    for first, last in ((0x180B, 0x180F), (0xFE00, 0xFE0D))
    for code in range(first, last + 1)
}

__all__ = ["BLANK", "HIDDEN"]
