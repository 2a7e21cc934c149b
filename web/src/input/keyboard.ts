import { linuxCode } from "./keymap";
import { letsPaste } from "./paste-keys";
import type { InputSender } from "./sender";

const CONTROL_LEFT = 29;
const ALT_RIGHT = 100;
const CAPS_LOCK = 58;
const MODIFIERS: ReadonlySet<number> = new Set([29, 42, 54, 56, 97, 100, 125, 126]);
/** Windows sends a made-up ControlLeft this shortly before the AltRight of AltGr. */
const ALT_GRAPH_MS = 20;

/** Ctrl+Alt+Shift leaves the desktop: the way out of the canvas for people without a pointer (WCAG 2.1.2). */
function asksToLeave(event: KeyboardEvent): boolean {
    return event.ctrlKey && event.altKey && event.shiftKey && /^(Control|Alt|Shift)/.test(event.code);
}

/** Keys of the focused canvas, sent by their place on the keyboard. Returns what takes the listeners off again. */
export function attachKeyboard(canvas: HTMLCanvasElement, sender: InputSender, leave: () => void): () => void {
    const apple = /Mac|iP(hone|ad|od)/.test(navigator.platform);
    const listeners = new AbortController();
    const { signal } = listeners;
    let controlPressed = -Infinity;

    canvas.addEventListener("keydown", (event) => {
        const code = linuxCode(event.code);
        if (code === null || event.isComposing) {
            return;
        }
        if (!letsPaste(event)) {
            event.preventDefault();
        }
        if (event.repeat) {
            return;
        }
        if (asksToLeave(event)) {
            sender.releaseAll();
            leave();
            return;
        }
        if (code === CONTROL_LEFT) {
            controlPressed = event.timeStamp;
        }
        if (code === ALT_RIGHT && event.timeStamp - controlPressed < ALT_GRAPH_MS) {
            sender.key(CONTROL_LEFT, false);
        }
        sender.key(code, true);
        if (apple && code === CAPS_LOCK) {
            sender.key(code, false);
        }
    }, { signal });

    canvas.addEventListener("keyup", (event) => {
        const code = linuxCode(event.code);
        if (code === null) {
            return;
        }
        event.preventDefault();
        if (apple && code === CAPS_LOCK) {
            sender.key(code, true);
        }
        sender.key(code, false);
        // macOS reports no release of keys that went up while Command was held.
        if (apple && event.key === "Meta") {
            for (const held of sender.heldKeys().filter((key) => !MODIFIERS.has(key))) {
                sender.key(held, false);
            }
        }
    }, { signal });

    const release = () => sender.releaseAll();
    canvas.addEventListener("blur", release, { signal });
    addEventListener("blur", release, { signal });
    document.addEventListener("visibilitychange", () => {
        if (document.hidden) {
            release();
        }
    }, { signal });
    return () => listeners.abort();
}
