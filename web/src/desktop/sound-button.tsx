import { useStore } from "../app/store";
import type { DesktopSound, SoundState } from "./sound";
import { Toggle } from "./toggle";
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
        <Toggle
            look="sound-button"
            state={state}
            icon={on ? "sound" : "silent"}
            label={LABELS[state]}
            detail={detail}
            pressed={on}
            disabled={state === "unsupported"}
            onPress={() => sound.toggle()}
        />
    );
}
