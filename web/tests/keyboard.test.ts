// What browsers report for the same keys, as recorded from each, and what is sent for it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Keyboard, type KeyEvent, type Platform } from "../src/input/keyboard";
import { type KeyboardPreferences, parsePreferences } from "../src/input/preferences";
import { InputSender } from "../src/input/sender";
import { StickyModifiers } from "../src/input/sticky";
import { holdTimers } from "./timers";

const CONTROL = 29;
const ALT = 56;

interface Flags {
    ctrl?: boolean;
    alt?: boolean;
    shift?: boolean;
    meta?: boolean;
    repeat?: boolean;
    composing?: boolean;
    keyCode?: number;
    at?: number;
    states?: string[];
}

function event(code: string, key: string, flags: Flags = {}): KeyEvent {
    return {
        code,
        key,
        keyCode: flags.keyCode ?? 0,
        repeat: flags.repeat ?? false,
        isComposing: flags.composing ?? false,
        ctrlKey: flags.ctrl ?? false,
        altKey: flags.alt ?? false,
        shiftKey: flags.shift ?? false,
        metaKey: flags.meta ?? false,
        timeStamp: flags.at ?? 0,
        getModifierState: (name) => flags.states?.includes(name) ?? false,
    };
}

/** One line for each message. The first locks are left out: each test has them. */
function setUp(platform: Platform, changes: Partial<KeyboardPreferences> = {}) {
    const sent: string[] = [];
    const sender = new InputSender((message) => {
        const view = new DataView(message);
        const kind = view.getUint8(0);
        const code = message.byteLength > 8 ? view.getUint16(8, true) : 0;
        if (kind === 0x82) {
            sent.push(`${view.getUint8(10) === 1 ? "down" : "up"} ${code}`);
        } else if (kind === 0x83) {
            sent.push(`text ${String.fromCodePoint(view.getUint32(8, true))}`);
        } else if (kind === 0x87) {
            sent.push("release all");
        } else if (kind === 0x90) {
            const character = String.fromCodePoint(view.getUint32(12, true));
            sent.push(`${view.getUint8(10) === 1 ? "shortcut" : "symbol"} ${character} ${code}`);
        } else if (kind === 0x92) {
            sent.push(`locks ${view.getUint8(8)} ${view.getUint8(9)}`);
        }
        return true;
    });
    const preferences: KeyboardPreferences = { ...parsePreferences(null), ...changes };
    const left = { count: 0 };
    const keyboard = new Keyboard(sender, () => preferences, platform, () => left.count++);
    const down = (code: string, key: string, flags?: Flags) => keyboard.keyDown(event(code, key, flags));
    const up = (code: string, key: string, flags?: Flags) => keyboard.keyUp(event(code, key, flags));
    const taken = () => sent.splice(0).filter((line) => !line.startsWith("locks"));
    return { keyboard, sender, sent, taken, down, up, left };
}

test("a letter is a symbol of its key, and its release is the key's", () => {
    const { down, up, taken } = setUp("other");
    assert.ok(down("KeyY", "z"));
    assert.ok(down("KeyY", "z", { repeat: true }));
    assert.ok(up("KeyY", "z"));
    assert.deepEqual(taken(), ["symbol z 21", "symbol z 21", "up 21"]);
});

test("keys without a character go by their place, once however long they are down", () => {
    const { down, up, taken } = setUp("other");
    for (const [code, key] of [["F5", "F5"], ["ArrowLeft", "ArrowLeft"], ["Enter", "Enter"], ["Tab", "Tab"]] as const) {
        assert.ok(down(code, key));
        assert.ok(down(code, key, { repeat: true }));
        assert.ok(up(code, key));
    }
    assert.deepEqual(taken(),
        ["down 63", "up 63", "down 105", "up 105", "down 28", "up 28", "down 15", "up 15"]);
});

test("shortcuts are marked, Shift with a letter is none", () => {
    const { down, up, taken } = setUp("other");
    down("ControlLeft", "Control", { ctrl: true });
    down("KeyY", "z", { ctrl: true });
    up("KeyY", "z", { ctrl: true });
    up("ControlLeft", "Control");
    down("ShiftLeft", "Shift", { shift: true });
    down("KeyA", "A", { shift: true });
    assert.deepEqual(taken(), ["down 29", "shortcut z 21", "up 21", "up 29", "down 42", "symbol A 30"]);
});

test("in the mode of places all keys go by their place", () => {
    const { down, up, taken } = setUp("other", { mode: "places" });
    down("KeyY", "z");
    down("KeyY", "z", { repeat: true });
    up("KeyY", "z");
    assert.ok(down("BracketLeft", "Dead"));
    assert.deepEqual(taken(), ["down 21", "up 21", "down 26"]);
});

test("Chromium and Firefox on Windows: AltGr is no Ctrl+Alt", () => {
    const { down, up, taken } = setUp("windows");
    down("ControlLeft", "Control", { ctrl: true, at: 100 });
    down("AltRight", "AltGraph", { at: 100, states: ["AltGraph"] });
    down("KeyQ", "@", { at: 180, states: ["AltGraph"] });
    up("KeyQ", "@", { at: 220, states: ["AltGraph"] });
    up("ControlLeft", "Control", { at: 260 });
    up("AltRight", "AltGraph", { at: 260 });
    assert.deepEqual(taken(), ["down 84", "symbol @ 16", "up 16", "up 84"]);
});

test("Windows: AltGr in a browser that also sets Ctrl and Alt", () => {
    const { down, taken } = setUp("windows");
    down("ControlLeft", "Control", { ctrl: true, at: 100 });
    down("AltRight", "AltGraph", { ctrl: true, alt: true, at: 101, states: ["AltGraph"] });
    down("KeyE", "€", { ctrl: true, alt: true, at: 180, states: ["AltGraph"] });
    assert.deepEqual(taken(), ["down 84", "symbol € 18"]);
});

test("Windows: a Control that is meant comes with its key, with the mouse, or a moment later", (context) => {
    const ring = holdTimers(context);
    const { down, up, taken, keyboard } = setUp("windows");
    down("ControlLeft", "Control", { ctrl: true, at: 100 });
    down("KeyC", "c", { ctrl: true, at: 110 });
    assert.deepEqual(taken(), ["down 29", "shortcut c 46"]);
    up("KeyC", "c", { ctrl: true });
    up("ControlLeft", "Control");
    down("ControlLeft", "Control", { ctrl: true, at: 300 });
    keyboard.pressWaiting();
    up("ControlLeft", "Control");
    assert.deepEqual(taken(), ["up 46", "up 29", "down 29", "up 29"]);
    down("ControlLeft", "Control", { ctrl: true, at: 500 });
    assert.deepEqual(taken(), []);
    ring();
    assert.deepEqual(taken(), ["down 29"]);
});

test("Linux: AltGr, and a right Alt that is one", () => {
    const { down, up, taken } = setUp("other");
    down("AltRight", "AltGraph", { states: ["AltGraph"] });
    down("Digit7", "{", { states: ["AltGraph"] });
    up("Digit7", "{", { states: ["AltGraph"] });
    up("AltRight", "AltGraph");
    down("AltRight", "Alt", { alt: true });
    down("KeyF", "f", { alt: true });
    assert.deepEqual(taken(), ["down 84", "symbol { 8", "up 8", "up 84", "down 100", "shortcut f 33"]);
});

test("Chromium on Linux: a dead key is a composition", () => {
    const { down, up, taken, keyboard } = setUp("other");
    assert.equal(down("Equal", "Dead", { keyCode: 229 }), false);
    keyboard.compositionStart();
    keyboard.input("insertCompositionText", true, "´");
    up("Equal", "Dead", { composing: true });
    assert.equal(down("KeyE", "é", { composing: true, keyCode: 229 }), false);
    keyboard.input("insertCompositionText", true, "é");
    keyboard.compositionEnd("é");
    up("KeyE", "e");
    down("KeyX", "x");
    assert.deepEqual(taken(), ["text é", "symbol x 45"]);
});

test("Chromium on Windows: a dead key is no composition, its text is an input", () => {
    const { down, up, taken, keyboard } = setUp("windows");
    assert.equal(down("Equal", "Dead", { keyCode: 221 }), false);
    up("Equal", "Dead");
    assert.equal(down("ShiftLeft", "Shift", { shift: true }), true);
    assert.equal(down("KeyE", "É", { keyCode: 69, shift: true }), false);
    keyboard.input("insertText", false, "É");
    up("KeyE", "É", { shift: true });
    assert.deepEqual(taken(), ["down 42", "text É"]);
    down("Equal", "Dead", { keyCode: 221, shift: true });
    assert.equal(down("KeyX", "x", { keyCode: 88, shift: true }), false);
    keyboard.input("insertText", false, "´x");
    assert.deepEqual(taken(), ["text ´", "text x"]);
});

test("Firefox: the text of a composition comes with its end, and once more as an input", () => {
    const { down, up, taken, keyboard } = setUp("other");
    assert.equal(down("Equal", "Dead", { keyCode: 0 }), false);
    keyboard.compositionStart();
    keyboard.input("insertCompositionText", true, "´");
    assert.equal(down("KeyE", "Process", { composing: true, keyCode: 229 }), false);
    keyboard.compositionEnd("é");
    assert.equal(keyboard.input("insertCompositionText", false, "é"), false);
    up("KeyE", "e");
    assert.deepEqual(taken(), ["text é"]);
});

test("Safari: the key that ends a composition is reported after its end, and is not typed", () => {
    const { down, up, taken, keyboard } = setUp("apple");
    down("KeyN", "n", { keyCode: 229 });
    keyboard.compositionStart();
    keyboard.input("insertCompositionText", true, "に");
    keyboard.input("deleteCompositionText", false, "");
    keyboard.input("insertFromComposition", false, "に");
    keyboard.compositionEnd("に");
    assert.equal(down("Enter", "Enter", { keyCode: 229 }), false);
    up("Enter", "Enter");
    down("Enter", "Enter", { keyCode: 13 });
    assert.deepEqual(taken(), ["text に", "down 28"]);
});

test("an input method's keys are its own, its text is typed at the end", () => {
    for (const platform of ["windows", "other"] as const) {
        const { down, up, taken, keyboard } = setUp(platform);
        assert.equal(down("KeyN", "Process", { keyCode: 229 }), false);
        keyboard.compositionStart();
        for (const code of ["KeyI", "Space", "Backspace", "ArrowDown", "Enter"]) {
            assert.equal(down(code, "Process", { keyCode: 229, composing: true }), false);
            assert.equal(up(code, "Process", { composing: true }), false);
        }
        keyboard.compositionEnd("日本");
        assert.deepEqual(taken(), ["text 日", "text 本"]);
    }
});

test("text that comes without keys is typed: emoji panels, dictation, handwriting", () => {
    const { taken, keyboard } = setUp("apple");
    assert.ok(keyboard.input("insertText", false, "😀"));
    assert.ok(keyboard.input("insertReplacementText", false, "é"));
    assert.deepEqual(taken(), ["text 😀", "text é"]);
});

test("macOS: Option types, without the desktop's Alt", () => {
    const { down, up, taken } = setUp("apple");
    down("AltLeft", "Alt", { alt: true });
    down("KeyL", "@", { alt: true });
    up("KeyL", "@", { alt: true });
    up("AltLeft", "Alt");
    assert.deepEqual(taken(), ["symbol @ 38", "up 38"]);
    down("AltLeft", "Alt", { alt: true });
    down("ArrowLeft", "ArrowLeft", { alt: true });
    up("ArrowLeft", "ArrowLeft", { alt: true });
    up("AltLeft", "Alt");
    down("AltLeft", "Alt", { alt: true });
    up("AltLeft", "Alt");
    assert.deepEqual(taken(), ["down 56", "down 105", "up 105", "up 56", "down 56", "up 56"]);
});

test("macOS: Option is Alt where the user wants that", () => {
    const { down, taken } = setUp("apple", { optionTypes: false });
    down("AltLeft", "Alt", { alt: true });
    down("KeyF", "ƒ", { alt: true });
    assert.deepEqual(taken(), ["down 56", "shortcut ƒ 33"]);
});

test("macOS: no key stays down that was pressed with Command, whose releases are not reported", () => {
    const { down, up, taken, sender } = setUp("apple");
    down("MetaLeft", "Meta", { meta: true });
    down("KeyC", "c", { meta: true });
    down("KeyV", "v", { meta: true });
    down("KeyV", "v", { meta: true, repeat: true });
    down("ArrowLeft", "ArrowLeft", { meta: true });
    up("MetaLeft", "Meta");
    assert.deepEqual(taken(), ["down 29", "shortcut c 46", "up 46", "shortcut v 47", "up 47", "shortcut v 47", "up 47",
        "down 105", "up 105", "up 29"]);
    assert.equal(sender.isDown(CONTROL), false);
});

test("macOS: Command is Super where the user wants that", () => {
    const { down, up, taken } = setUp("apple", { commandIsControl: false });
    down("MetaLeft", "Meta", { meta: true });
    up("MetaLeft", "Meta");
    assert.deepEqual(taken(), ["down 125", "up 125"]);
});

test("locks follow the browser's, with the first key and with each change", () => {
    const { down, sent } = setUp("other");
    down("KeyA", "a", { states: ["NumLock"] });
    down("KeyB", "b", { states: ["NumLock"] });
    down("CapsLock", "CapsLock", { states: ["NumLock", "CapsLock"] });
    down("KeyC", "C", { states: ["NumLock", "CapsLock"] });
    assert.deepEqual(sent, ["locks 0 1", "symbol a 30", "symbol b 48", "down 58", "locks 1 1", "symbol C 46"]);
});

test("macOS: Caps Lock is sent as a state alone, and the keypad has digits", () => {
    const { down, up, sent } = setUp("apple");
    down("CapsLock", "CapsLock", { states: ["CapsLock"] });
    down("KeyC", "C", { states: ["CapsLock"] });
    up("CapsLock", "CapsLock");
    down("KeyD", "d");
    assert.deepEqual(sent, ["locks 1 1", "symbol C 46", "locks 0 1", "symbol d 32"]);
});

test("a modifier whose release got lost is released with the next key", () => {
    const { down, taken } = setUp("other");
    down("AltLeft", "Alt", { alt: true });
    down("ShiftLeft", "Shift", { shift: true, alt: true });
    down("KeyA", "a"); // the window manager has taken Alt+Tab and more
    assert.deepEqual(taken(), ["down 56", "down 42", "up 56", "up 42", "symbol a 30"]);
});

test("all is released when the page loses the keyboard", () => {
    const { down, up, taken, keyboard } = setUp("other");
    down("ControlLeft", "Control", { ctrl: true });
    down("KeyA", "a", { ctrl: true });
    keyboard.release();
    up("KeyA", "a");
    assert.deepEqual(taken(), ["down 29", "shortcut a 30", "release all"]);
});

test("Ctrl+Alt+Shift leaves the desktop with nothing held", () => {
    const { down, taken, left } = setUp("other");
    down("ControlLeft", "Control", { ctrl: true });
    down("AltLeft", "Alt", { ctrl: true, alt: true });
    down("ShiftLeft", "Shift", { ctrl: true, alt: true, shift: true });
    assert.equal(left.count, 1);
    assert.deepEqual(taken(), ["down 29", "down 56", "release all"]);
});

test("keys that the page does not know are the browser's", () => {
    const { down, taken } = setUp("other");
    assert.equal(down("", "Unidentified"), false);
    assert.equal(down("Fn", "Fn"), false);
    assert.deepEqual(taken(), []);
});

test("a character from no known key is typed, also when one key gives two", () => {
    const { down, taken } = setUp("other");
    assert.ok(down("", "ß"));
    assert.ok(down("KeyB", "لا"));
    assert.deepEqual(taken(), ["symbol ß 0", "text ل", "text ا"]);
});

test("under a pointer lock all keys go by their place", () => {
    const { down, taken, keyboard } = setUp("other");
    keyboard.raw = true;
    down("KeyW", "w");
    down("KeyW", "w", { repeat: true });
    down("BracketLeft", "Dead");
    assert.deepEqual(taken(), ["down 17", "down 26"]);
});

test("a sticky modifier holds for one key, pressed twice until pressed again", () => {
    const { down, up, taken, sender } = setUp("other");
    const sticky = new StickyModifiers(sender);
    sticky.press(CONTROL);
    down("KeyC", "c");
    up("KeyC", "c");
    assert.deepEqual(taken(), ["down 29", "shortcut c 46", "up 46", "up 29"]);
    sticky.press(ALT);
    sticky.press(ALT);
    sender.text("f");
    sender.chord([15]);
    sticky.press(ALT);
    assert.deepEqual(taken(), ["down 56", "shortcut f 0", "down 15", "up 15", "up 56"]);
    sticky.press(CONTROL);
    sender.releaseAll();
    assert.equal(sticky.held.get().size, 0);
});

test("what is stored of another version is replaced by what is usual", () => {
    for (const text of [null, "", "{", "[]", "7", '{"mode":"x","layout":"../../etc","optionTypes":1}']) {
        assert.deepEqual(parsePreferences(text), parsePreferences(null));
    }
    assert.deepEqual(parsePreferences('{"mode":"places","layout":"de/nodeadkeys","commandIsControl":false}'),
        { mode: "places", layout: "de/nodeadkeys", commandIsControl: false, optionTypes: true });
});
