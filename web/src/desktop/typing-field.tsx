import { useLayoutEffect, useRef } from "preact/hooks";
import { linuxCode } from "../input/keymap";
import type { InputSender } from "../input/sender";
import { ANCHOR, typedBetween } from "../input/soft-keyboard";
import "./typing-field.css";

const BACKSPACE = 14;
const ENTER = 28;
const MAX_LENGTH = 200;

/** A text field for soft keyboards and input methods: what changes in it is typed in the sandbox. */
export function TypingField({ input, onClose }: { input: InputSender; onClose: () => void }) {
    const field = useRef<HTMLInputElement>(null);
    const known = useRef(ANCHOR);

    const reset = () => {
        known.current = ANCHOR;
        if (field.current !== null) {
            field.current.value = ANCHOR;
        }
    };

    // Before the next event: soft keyboards open only for a focus inside the press that asked for it.
    useLayoutEffect(() => {
        reset();
        field.current?.focus();
    }, []);

    const changed = (event: InputEvent) => {
        const value = field.current?.value ?? "";
        const { deletions, text } = typedBetween(known.current, value);
        for (let i = 0; i < deletions; i++) {
            input.chord([BACKSPACE]);
        }
        input.text(text);
        known.current = value;
        if (!event.isComposing && (!value.startsWith(ANCHOR) || value.length > MAX_LENGTH)) {
            reset();
        }
    };

    const pressed = (event: KeyboardEvent) => {
        if (event.isComposing) {
            return;
        }
        if (event.key === "Enter") {
            event.preventDefault();
            input.chord([ENTER]);
            reset();
        } else if (event.key === "Escape") {
            onClose();
        } else if (event.key.startsWith("Arrow")) {
            const code = linuxCode(event.key);
            event.preventDefault();
            if (code !== null) {
                input.chord([code]);
            }
        }
    };

    return (
        <div class="typing-field">
            <input
                ref={field}
                type="text"
                aria-label="Text to type"
                autocomplete="off"
                autocapitalize="none"
                autocorrect="off"
                spellcheck={false}
                enterkeyhint="send"
                onInput={(event) => changed(event as unknown as InputEvent)}
                onKeyDown={pressed}
            />
            <span>Typed as you go</span>
        </div>
    );
}
