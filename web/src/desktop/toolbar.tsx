import { useEffect, useRef, useState } from "preact/hooks";
import { PageLink } from "../components/button";
import { Icon } from "../components/icon";
import { Menu, MenuItem } from "../components/menu";
import type { DisplayMode } from "./display-size";
import { InputMenu, type InputMenuProps } from "./input-menu";
import type { DesktopMicrophone } from "./microphone";
import { MicrophoneButton } from "./microphone-button";
import type { SessionState } from "./session";
import type { DesktopSound } from "./sound";
import { SoundButton } from "./sound-button";
import { Toggle } from "./toggle";
import "./toolbar.css";

/** Keys that browsers and systems keep for themselves, as Linux input event codes. */
const CHORDS: readonly [string, readonly number[]][] = [
    ["Ctrl + Alt + Delete", [29, 56, 111]],
    ["Alt + Tab", [56, 15]],
    ["Alt + F4", [56, 62]],
    ["Super", [125]],
    ["Escape", [1]],
    ["Ctrl + W", [29, 17]],
    ["Ctrl + T", [29, 20]],
    ["Ctrl + N", [29, 49]],
    ["Ctrl + Tab", [29, 15]],
    ["F11", [87]],
    ["Print Screen", [99]],
];

const MODES: readonly [DisplayMode, string][] = [
    ["follow", "Follow the window"],
    ["fit", "Keep the size, fit the window"],
    ["actual", "Keep the size, pixel for pixel"],
];

const FIRST_SHOWN_MS = 3_000;
const LEFT_MS = 900;

const CONNECTIONS: Readonly<Record<SessionState["connection"], { text: string; tone: string }>> = {
    connecting: { text: "Connecting", tone: "busy" },
    open: { text: "Connected", tone: "good" },
    waiting: { text: "Reconnecting", tone: "busy" },
    ended: { text: "Ended", tone: "off" },
    failed: { text: "Disconnected", tone: "bad" },
    "signed-out": { text: "Signed out", tone: "off" },
};

interface Props {
    state: SessionState;
    statistics: boolean;
    guest: boolean;
    mode: DisplayMode;
    clipboard: boolean;
    sound: DesktopSound | null;
    microphone: DesktopMicrophone | null;
    /** null while nothing may be sent. */
    inputMenu: Omit<InputMenuProps, "onOpen"> | null;
    /** Set to the element that takes the focus when the keyboard leaves the desktop. */
    entry: { current: HTMLButtonElement | null };
    onChord: (codes: readonly number[]) => void;
    onStatistics: () => void;
    onClipboard: () => void;
    onMode: (mode: DisplayMode) => void;
    onFullScreen: () => void;
    onRecord: () => void;
    onShare: () => void;
    onStop: () => void;
}

export function Toolbar(props: Props) {
    const { open, show, hide, pin } = useAutoHide(FIRST_SHOWN_MS);
    const fullScreen = useFullScreen();
    const { access, connection: state, permissions, viewers } = props.state;
    const connection = CONNECTIONS[state];
    const watching = viewers.count === 1 ? "Only you are watching" : `${viewers.count} are watching`;
    const running = props.state.connection !== "ended" && props.state.connection !== "failed";

    return (
        <div
            class="toolbar"
            data-theme="dark"
            data-open={open}
            role="toolbar"
            aria-label="Controls"
            // Not only entering: it may have hidden below a pointer that rested.
            onPointerMove={(event) => event.pointerType !== "touch" && show()}
            onPointerLeave={(event) => event.pointerType !== "touch" && hide()}
            onFocusIn={show}
            onFocusOut={hide}
        >
            <div class="toolbar-bar">
                {!props.guest && (
                    <PageLink to="/" class="toolbar-button" label="Back to your desktops">
                        <Icon name="home" />
                    </PageLink>
                )}
                <span class={`toolbar-state toolbar-${connection.tone}`} role="status">
                    {state === "open" && access === "view" ? "View only" : connection.text}
                </span>
                {access === "control" && <Menu
                    face={<Icon name="command" />}
                    label="Send keys"
                    className="toolbar-button"
                    align="left"
                    onOpen={pin}
                >
                    {(close) => CHORDS.map(([name, codes]) => (
                        <MenuItem
                            key={name}
                            onSelect={() => {
                                close();
                                props.onChord(codes);
                            }}
                        >
                            {name}
                        </MenuItem>
                    ))}
                </Menu>}
                {props.inputMenu !== null && <InputMenu {...props.inputMenu} onOpen={pin} />}
                {access === "control" && permissions.clipboard && <Toggle icon="clipboard" label="Clipboard" pressed={props.clipboard} onPress={props.onClipboard} />}
                {props.sound !== null && permissions.sound && <SoundButton sound={props.sound} />}
                {props.microphone !== null && permissions.microphone && access === "control" && (
                    <MicrophoneButton microphone={props.microphone} />
                )}
                <Toggle icon="chart" label="Statistics" detail="Ctrl + Alt + Shift + S" pressed={props.statistics} onPress={props.onStatistics} />
                <Menu face={<Icon name="monitor" />} label="Display size" className="toolbar-button" align="left" onOpen={pin}>
                    {(close) => MODES.map(([mode, name]) => (
                        <MenuItem
                            key={mode}
                            checked={mode === props.mode}
                            onSelect={() => {
                                close();
                                props.onMode(mode);
                            }}
                        >
                            {name}
                        </MenuItem>
                    ))}
                </Menu>
                <Toggle
                    icon={fullScreen ? "shrink" : "expand"}
                    label="Full screen"
                    pressed={fullScreen}
                    onPress={props.onFullScreen}
                />
                {!props.guest && props.state.recording.mode === "allowed" && (
                    <Toggle icon="record" label="Record" pressed={props.state.recording.on} onPress={props.onRecord} />
                )}
                {props.guest ? (
                    <span class="toolbar-watching" title={watching} aria-label={watching} role="img">
                        <Icon name="users" /> {viewers.count}
                    </span>
                ) : (
                    <button
                        type="button"
                        class="toolbar-button toolbar-share"
                        aria-label={`Share. ${watching}`}
                        title={`Share. ${watching}`}
                        disabled={!running}
                        onClick={props.onShare}
                    >
                        <Icon name="users" />
                        {viewers.count > 1 && <span class="toolbar-count">{viewers.count}</span>}
                    </button>
                )}
                {!props.guest && <button
                    type="button"
                    class="toolbar-button toolbar-stop"
                    aria-label="Stop desktop"
                    title="Stop desktop"
                    disabled={!running}
                    onClick={props.onStop}
                >
                    <Icon name="stop" />
                </button>}
            </div>
            <button
                ref={(element) => {
                    props.entry.current = element;
                }}
                type="button"
                class="toolbar-handle"
                aria-label={open ? "Hide controls" : "Show controls"}
                aria-expanded={open}
                onClick={() => (open ? hide(0) : show())}
            >
                <span />
            </button>
        </div>
    );
}

/** Open at first and while used; closes a moment later, unless pinned by an open menu. */
function useAutoHide(first: number) {
    const [open, setOpen] = useState(true);
    const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
    const pinned = useRef(false);

    const show = () => {
        clearTimeout(timer.current);
        setOpen(true);
    };
    const hide = (after: unknown = LEFT_MS) => {
        clearTimeout(timer.current);
        if (!pinned.current) {
            timer.current = setTimeout(() => setOpen(false), typeof after === "number" ? after : LEFT_MS);
        }
    };
    const pin = (value: boolean) => {
        pinned.current = value;
        if (value) {
            show();
        }
    };
    useEffect(() => {
        hide(first);
        return () => clearTimeout(timer.current);
    }, []);
    return { open, show, hide, pin };
}

function useFullScreen(): boolean {
    const [full, setFull] = useState(document.fullscreenElement !== null);
    useEffect(() => {
        const changed = () => setFull(document.fullscreenElement !== null);
        document.addEventListener("fullscreenchange", changed);
        return () => document.removeEventListener("fullscreenchange", changed);
    }, []);
    return full;
}
