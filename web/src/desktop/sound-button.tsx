import { useStore } from "../app/store";
import { Icon } from "../components/icon";
import type { DesktopSound, SoundState } from "./sound";
import "./sound-button.css";

const LABELS: Readonly<Record<SoundState["state"], string>> = {
    off: "Turn sound on",
    starting: "Turn sound off",
    on: "Turn sound off",
    blocked: "Sound waits for a click: the browser asks for one",
    unsupported: "This browser can't play the desktop's sound",
};

export function SoundButton({ sound }: { sound: DesktopSound }) {
    const { state, detail } = useStore(sound.state);
    const on = state === "on" || state === "starting";
    return (
        <button
            type="button"
            class="toolbar-button sound-button"
            data-sound={state}
            aria-label={LABELS[state]}
            title={detail === "" ? LABELS[state] : `${LABELS[state]}. ${detail}`}
            aria-pressed={on}
            disabled={state === "unsupported"}
            onClick={() => sound.toggle()}
        >
            <Icon name={on ? "sound" : "silent"} />
        </button>
    );
}
