import { Store } from "../app/store";

export interface KeyboardPreferences {
    /** Characters: what the user's keyboard shows is what appears. Places: the desktop's layout decides. */
    mode: "characters" | "places";
    /** A layout of LAYOUTS that is loaded into the desktop, or "" to leave it as it is. */
    layout: string;
    /** Macs: Command acts as Control. */
    commandIsControl: boolean;
    /** Macs: Option with a letter types what the keyboard shows, as it does there, instead of being Alt. */
    optionTypes: boolean;
}

const KEY = "keyboard";
const DEFAULTS: KeyboardPreferences = { mode: "characters", layout: "", commandIsControl: true, optionTypes: true };

/** Layouts of xkeyboard-config: name, or name and variant with a slash between. */
export const LAYOUTS: readonly (readonly [string, string])[] = [
    ["us", "English (US)"],
    ["us/intl", "English (US, international)"],
    ["us/dvorak", "English (Dvorak)"],
    ["us/colemak", "English (Colemak)"],
    ["gb", "English (UK)"],
    ["ara", "Arabic"],
    ["be", "Belgian"],
    ["br", "Portuguese (Brazil)"],
    ["bg", "Bulgarian"],
    ["ca", "French (Canada)"],
    ["hr", "Croatian"],
    ["cz", "Czech"],
    ["dk", "Danish"],
    ["nl", "Dutch"],
    ["ee", "Estonian"],
    ["fi", "Finnish"],
    ["fr", "French"],
    ["fr/bepo", "French (BÉPO)"],
    ["de", "German"],
    ["de/nodeadkeys", "German (no dead keys)"],
    ["ch", "German (Switzerland)"],
    ["ch/fr", "French (Switzerland)"],
    ["gr", "Greek"],
    ["il", "Hebrew"],
    ["hu", "Hungarian"],
    ["it", "Italian"],
    ["jp", "Japanese"],
    ["kr", "Korean"],
    ["latam", "Spanish (Latin America)"],
    ["lt", "Lithuanian"],
    ["lv", "Latvian"],
    ["no", "Norwegian"],
    ["pl", "Polish"],
    ["pt", "Portuguese"],
    ["ro", "Romanian"],
    ["ru", "Russian"],
    ["rs", "Serbian"],
    ["sk", "Slovak"],
    ["si", "Slovenian"],
    ["es", "Spanish"],
    ["se", "Swedish"],
    ["tr", "Turkish"],
    ["ua", "Ukrainian"],
];

/** What was stored may be of another version, or of anybody who can write there. */
export function parsePreferences(text: string | null): KeyboardPreferences {
    let value: unknown = null;
    try {
        value = JSON.parse(text ?? "null");
    } catch {
        // Not ours.
    }
    const stored: Partial<Record<keyof KeyboardPreferences, unknown>> = typeof value === "object" && value !== null ? value : {};
    return {
        mode: stored.mode === "places" ? "places" : "characters",
        layout: LAYOUTS.find(([name]) => name === stored.layout)?.[0] ?? "",
        commandIsControl: stored.commandIsControl !== false,
        optionTypes: stored.optionTypes !== false,
    };
}

function load(): KeyboardPreferences {
    try {
        return parsePreferences(localStorage.getItem(KEY));
    } catch {
        // Storage can be forbidden by the browser's settings.
        return DEFAULTS;
    }
}

/** The choices of this browser's user, kept from one visit to the next. */
export class KeyboardSettings extends Store<KeyboardPreferences> {
    constructor() {
        super(load());
    }

    change(part: Partial<KeyboardPreferences>): void {
        this.patch(part);
        try {
            localStorage.setItem(KEY, JSON.stringify(this.get()));
        } catch {
            // The choice then lasts as long as the page.
        }
    }
}
