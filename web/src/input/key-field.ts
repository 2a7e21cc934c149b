import type { Keyboard } from "./keyboard";
import { letsPaste } from "./paste-keys";

/**
 * The keyboard's focus is in a text field that nobody sees: only there do browsers offer dead keys, input methods and their
 * suggestions. While a text is composed it shows beside the pointer. Returns what takes the listeners off again.
 */
export function attachKeyField(field: HTMLTextAreaElement, canvas: HTMLCanvasElement, keyboard: Keyboard): () => void {
    const listeners = new AbortController();
    const { signal } = listeners;
    const clear = () => {
        field.value = "";
    };

    field.addEventListener("keydown", (event) => {
        if (keyboard.keyDown(event) && !letsPaste(event)) {
            event.preventDefault();
        }
    }, { signal });
    field.addEventListener("keyup", (event) => {
        if (keyboard.keyUp(event)) {
            event.preventDefault();
        }
    }, { signal });
    field.addEventListener("compositionstart", () => {
        field.dataset["composing"] = "true";
        keyboard.compositionStart();
    }, { signal });
    field.addEventListener("compositionend", (event) => {
        delete field.dataset["composing"];
        keyboard.compositionEnd(event.data);
        clear();
    }, { signal });
    field.addEventListener("input", (event) => {
        const { inputType, isComposing } = event as InputEvent;
        if (keyboard.input(inputType, isComposing, field.value) || !isComposing) {
            clear();
        }
    }, { signal });

    // Whoever gives the canvas the focus means the desktop's keyboard.
    canvas.addEventListener("focus", () => field.focus({ preventScroll: true }), { signal });
    canvas.addEventListener("pointermove", (event) => {
        if (field.dataset["composing"] === undefined) {
            field.style.left = `${event.clientX}px`;
            field.style.top = `${event.clientY}px`;
        }
    }, { signal });

    const release = () => {
        keyboard.release();
        clear();
    };
    field.addEventListener("blur", release, { signal });
    addEventListener("blur", release, { signal });
    addEventListener("pagehide", release, { signal });
    document.addEventListener("visibilitychange", () => {
        if (document.hidden) {
            release();
        }
    }, { signal });
    return () => listeners.abort();
}
