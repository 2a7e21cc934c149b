import { useState } from "preact/hooks";
import { useStore } from "../app/store";
import type { InputSender } from "../input/sender";
import type { StickyModifiers } from "../input/sticky";
import "./key-bar.css";

/** As Linux input event codes. */
const MODIFIERS: readonly [string, number][] = [["Ctrl", 29], ["Alt", 56], ["Shift", 42], ["Super", 125], ["AltGr", 84]];
const KEYS: readonly [string, number, string][] = [
    ["Esc", 1, "Escape"], ["Tab", 15, "Tab"], ["⌫", 14, "Backspace"], ["Del", 111, "Delete"], ["⏎", 28, "Enter"],
    ["←", 105, "Left"], ["↑", 103, "Up"], ["↓", 108, "Down"], ["→", 106, "Right"],
    ["Home", 102, "Home"], ["End", 107, "End"], ["PgUp", 104, "Page up"], ["PgDn", 109, "Page down"],
    ["Ins", 110, "Insert"], ["PrtSc", 99, "Print screen"], ["Menu", 127, "Menu"],
];
const FUNCTION_KEYS: readonly [string, number, string][] =
    [59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 87, 88].map((code, i) => [`F${i + 1}`, code, `F${i + 1}`]);

interface Props {
    input: InputSender;
    sticky: StickyModifiers;
    onClose: () => void;
}

/**
 * Keys that browsers keep for themselves, or that a soft keyboard has not. A modifier holds for the next key; pressed twice it
 * holds until it is pressed again. The focus stays where it is: a soft keyboard must not close.
 */
export function KeyBar({ input, sticky, onClose }: Props) {
    const held = useStore(sticky.held);
    const [functions, setFunctions] = useState(false);
    const stay = (event: Event) => event.preventDefault();
    return (
        <div class="key-bar" data-theme="dark" role="toolbar" aria-label="Keys" onPointerDown={stay} onMouseDown={stay}>
            {MODIFIERS.map(([name, code]) => (
                <button
                    key={name}
                    type="button"
                    class="key-bar-key key-bar-modifier"
                    data-held={held.get(code)}
                    aria-pressed={held.has(code)}
                    onClick={() => sticky.press(code)}
                >
                    {name}
                </button>
            ))}
            <button
                type="button"
                class="key-bar-key"
                aria-label="Function keys"
                aria-pressed={functions}
                onClick={() => setFunctions(!functions)}
            >
                F1…
            </button>
            {(functions ? FUNCTION_KEYS : KEYS).map(([face, code, name]) => (
                <button key={name} type="button" class="key-bar-key" aria-label={name} onClick={() => input.chord([code])}>
                    {face}
                </button>
            ))}
            <button type="button" class="key-bar-key key-bar-close" aria-label="Close the key bar" onClick={onClose}>
                ✕
            </button>
        </div>
    );
}
