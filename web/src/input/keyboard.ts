import { linuxCode } from "./keymap";
import type { KeyboardPreferences } from "./preferences";
import type { InputSender } from "./sender";

const CONTROL_LEFT = 29;
const CONTROL_RIGHT = 97;
/** The key of xkeyboard-config that is AltGr in every layout, whatever its right Alt key is. */
const LEVEL_3_SHIFT = 84;
/** Windows sends a made-up ControlLeft just before the AltRight of AltGr. */
const ALT_GRAPH_MS = 50;
/** The key code of keys that an input method has taken (UI Events, section 7.3). */
const TAKEN = 229;

export type Platform = "apple" | "windows" | "other";

/** What is used of a KeyboardEvent. */
export interface KeyEvent {
    readonly code: string;
    readonly key: string;
    readonly keyCode: number;
    readonly repeat: boolean;
    readonly isComposing: boolean;
    readonly ctrlKey: boolean;
    readonly altKey: boolean;
    readonly shiftKey: boolean;
    readonly metaKey: boolean;
    readonly timeStamp: number;
    getModifierState(name: string): boolean;
}

/** Names of keys are ASCII words; all else is what the key types, mostly one character. */
function isText(key: string): boolean {
    return [...key].length === 1 ? key >= " " : key !== "" && !/^[A-Z][A-Za-z0-9]+$/.test(key);
}

/** Ctrl+Alt+Shift leaves the desktop: the way out of the canvas for people without a pointer (WCAG 2.1.2). */
function asksToLeave(event: KeyEvent): boolean {
    return event.ctrlKey && event.altKey && event.shiftKey && /^(Control|Alt|Shift)/.test(event.code);
}

function isModifier(code: string): boolean {
    return /^(Control|Alt|Shift|Meta|OS)(Left|Right)$/.test(code);
}

const LOCKS = /^(CapsLock|NumLock|ScrollLock)$/;
/** Input events of a composition, whose text is taken at its end. */
const OF_COMPOSITION: ReadonlySet<string> =
    new Set(["insertCompositionText", "deleteCompositionText", "insertFromComposition", "deleteByComposition"]);

/**
 * The key events of every browser, made into messages. Characters go as what the user's keyboard shows, other keys by their
 * place; dead keys and input methods are left to the browser, and their text is taken from it.
 */
export class Keyboard {
    /** KeyboardEvent.code of each key that is down, and the key that was sent for it. */
    private readonly down = new Map<string, number>();
    /** A modifier that may turn out to be none: sent with the next key that needs it. */
    private waiting: { code: string; sent: number; since: number; used: boolean } | null = null;
    private timer: ReturnType<typeof setTimeout> | undefined;
    private composing = false;
    private afterDead = false;
    private locks = "";
    /** All keys go by their place: games under a pointer lock. */
    raw = false;

    constructor(
        private readonly sender: InputSender,
        private readonly preferences: () => KeyboardPreferences,
        private readonly platform: Platform,
        private readonly leave: () => void,
    ) {}

    /** True when the browser must not act on the key itself. */
    keyDown(event: KeyEvent): boolean {
        if (this.isForBrowser(event)) {
            return false;
        }
        const code = linuxCode(event.code);
        if (asksToLeave(event)) {
            this.release();
            this.leave();
            return true;
        }
        if (isModifier(event.code)) {
            return this.modifierDown(event, code);
        }
        this.reconcile(event);
        if (LOCKS.test(event.code)) {
            this.lockDown(event, code);
            return true;
        }
        this.followLocks(event);
        const byPlace = this.raw || this.preferences().mode === "places";
        if (isText(event.key) && !(byPlace && code !== null)) {
            return this.characterDown(event, code ?? 0);
        }
        if (code === null) {
            return false;
        }
        this.pressWaiting();
        this.press(event, code, () => this.sender.key(code, true));
        return true;
    }

    keyUp(event: KeyEvent): boolean {
        if (this.waiting?.code === event.code && this.waiting.used) {
            this.waiting = null;
        } else if (this.waiting?.code === event.code) {
            this.pressWaiting(); // Pressed and released alone: programs may act on that.
        }
        const sent = this.down.get(event.code);
        if (sent !== undefined) {
            this.down.delete(event.code);
            this.sender.key(sent, false);
        }
        return sent !== undefined && !event.isComposing;
    }

    compositionStart(): void {
        this.composing = true;
        this.afterDead = false;
    }

    compositionEnd(text: string): void {
        this.composing = false;
        this.sender.text(text);
    }

    /** `text` is all that the field holds. True when it was taken. */
    input(inputType: string, isComposing: boolean, text: string): boolean {
        if (this.composing || isComposing || OF_COMPOSITION.has(inputType)) {
            return false;
        }
        this.afterDead = false;
        this.sender.text(text);
        return true;
    }

    /** Before a button or the wheel: it may be meant with the modifier. */
    pressWaiting(): void {
        clearTimeout(this.timer);
        if (this.waiting !== null) {
            const { code, sent } = this.waiting;
            this.waiting = null;
            this.down.set(code, sent);
            this.sender.key(sent, true);
        }
    }

    /** The page lost the keyboard: nothing that is down will be reported as released. */
    release(): void {
        clearTimeout(this.timer);
        this.waiting = null;
        this.composing = false;
        this.afterDead = false;
        this.down.clear();
        this.locks = "";
        this.sender.releaseAll();
    }

    private isForBrowser(event: KeyEvent): boolean {
        if (this.raw) {
            return false;
        }
        if (event.key === "Dead" && this.preferences().mode === "characters") {
            this.afterDead = !event.isComposing;
            return true;
        }
        if (this.composing || event.isComposing || event.keyCode === TAKEN || event.key === "Process") {
            return true;
        }
        // The character after a dead key: only the browser knows what the two make.
        if (this.afterDead && !isModifier(event.code)) {
            this.afterDead = false;
            return isText(event.key) || event.key === "Backspace" || event.key === "Escape";
        }
        return false;
    }

    private modifierDown(event: KeyEvent, code: number | null): boolean {
        if (event.repeat || code === null) {
            return true;
        }
        if (event.key === "AltGraph") {
            if (this.waiting?.code === "ControlLeft" && event.timeStamp - this.waiting.since < ALT_GRAPH_MS) {
                clearTimeout(this.timer);
                this.waiting = null;
            }
            this.hold(event.code, LEVEL_3_SHIFT);
            return true;
        }
        this.pressWaiting();
        const option = this.platform === "apple" && event.code.startsWith("Alt") && this.preferences().optionTypes;
        if (!this.raw && (option || (this.platform === "windows" && event.code === "ControlLeft"))) {
            this.waiting = { code: event.code, sent: code, since: event.timeStamp, used: false };
            if (!option) {
                this.timer = setTimeout(() => this.pressWaiting(), ALT_GRAPH_MS);
            }
            return true;
        }
        this.hold(event.code, this.modifier(event.code, code));
        return true;
    }

    private modifier(code: string, place: number): number {
        if (this.platform === "apple" && code.startsWith("Meta") && this.preferences().commandIsControl) {
            return code === "MetaLeft" ? CONTROL_LEFT : CONTROL_RIGHT;
        }
        return place;
    }

    private hold(code: string, sent: number): void {
        this.down.set(code, sent);
        this.sender.key(sent, true);
    }

    /** Apple's Caps Lock reports its going on as a press and its going off as a release: its state is sent instead. */
    private lockDown(event: KeyEvent, code: number | null): void {
        this.locks = "";
        if (code !== null && !event.repeat && !(this.platform === "apple" && event.code === "CapsLock")) {
            this.hold(event.code, code);
        }
    }

    private followLocks(event: KeyEvent): void {
        const caps = event.getModifierState("CapsLock");
        // The keypads of Macs have no other state.
        const num = this.platform === "apple" || event.getModifierState("NumLock");
        const locks = `${caps} ${num}`;
        if (locks !== this.locks && this.sender.locks(caps, num)) {
            this.locks = locks;
        }
    }

    private characterDown(event: KeyEvent, code: number): boolean {
        const shortcut = this.isShortcut(event);
        if (shortcut) {
            this.pressWaiting();
        } else if (this.waiting !== null) {
            this.waiting.used = true;
        }
        const characters = [...event.key];
        if (characters.length > 1) {
            this.sender.text(event.key);
            return true;
        }
        this.press(event, code, () => this.sender.symbol(code, characters[0]!.codePointAt(0)!, shortcut));
        return true;
    }

    private isShortcut(event: KeyEvent): boolean {
        if (this.sender.meansShortcut()) {
            return true;
        }
        if (event.getModifierState("AltGraph")) {
            return false;
        }
        const option = this.platform === "apple" && this.preferences().optionTypes;
        return event.ctrlKey || event.metaKey || (event.altKey && !option);
    }

    private press(event: KeyEvent, code: number, send: () => void): void {
        send();
        // macOS reports no release of a key that is pressed while Command is held.
        if (this.platform === "apple" && event.metaKey) {
            this.sender.key(code, false);
        } else if (code !== 0) {
            this.down.set(event.code, code);
        }
    }

    /** Releases of modifiers get lost: to the window manager's own shortcuts, or when both Shift keys were down. */
    reconcile(event: Pick<KeyEvent, "shiftKey" | "ctrlKey" | "altKey" | "metaKey">): void {
        for (const [code, sent] of [...this.down]) {
            const gone = (code.startsWith("Shift") && !event.shiftKey) || (code.startsWith("Control") && !event.ctrlKey) ||
                (code.startsWith("Alt") && sent !== LEVEL_3_SHIFT && !event.altKey) ||
                (this.platform === "apple" && code.startsWith("Meta") && !event.metaKey);
            if (gone) {
                this.down.delete(code);
                this.sender.key(sent, false);
            }
        }
    }
}
