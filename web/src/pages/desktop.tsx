import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { describe } from "../api/problem";
import { useApp } from "../app/context";
import { useTitle } from "../app/hooks";
import { Store, useStore } from "../app/store";
import { PageLink } from "../components/button";
import { ShareDialog } from "../components/share-dialog";
import { StopDialog } from "../components/stop-dialog";
import { ClipboardPanel } from "../desktop/clipboard-panel";
import { DesktopController, PLATFORM } from "../desktop/controller";
import { enterOrLeaveFullScreen } from "../desktop/full-screen";
import { KeyBar } from "../desktop/key-bar";
import { MicrophoneMark } from "../desktop/microphone-button";
import { Overlay } from "../desktop/overlay";
import { RecordingMark } from "../desktop/recording-mark";
import { PointerNotice } from "../desktop/pointer-notice";
import { type SessionState, START } from "../desktop/session";
import type { DisplayMode } from "../desktop/display-size";
import { type DesktopSource, ownDesktop } from "../desktop/source";
import { StatisticsOverlay } from "../desktop/statistics-overlay";
import { MediaSourceVideo } from "../stream/media-source-video";
import { Toolbar } from "../desktop/toolbar";
import { TypingField } from "../desktop/typing-field";
import { UntypedNotice } from "../desktop/untyped-notice";
import { Centred } from "./centred";
import "./desktop.css";

const BEFORE = new Store<SessionState>(START);
const NOT_LOCKED = new Store(false);

interface Props {
    source: DesktopSource;
    /** null for a guest, who manages nothing. */
    id: string | null;
}

export function OwnDesktopPage({ id }: { id: string }) {
    const { client } = useApp();
    const source = useMemo(() => ownDesktop(client, id), [client, id]);
    return <DesktopPage source={source} id={id} />;
}

export function DesktopPage(props: Props) {
    useTitle("Desktop");
    return typeof VideoDecoder === "undefined" && !MediaSourceVideo.available ? <NoDecoder guest={props.source.guest} /> : <Desktop {...props} />;
}

function NoDecoder({ guest }: { guest: boolean }) {
    return (
        <Centred>
            <h1>This browser can't show desktops</h1>
            <p>
                It has neither a WebCodecs video decoder nor media source extensions. Current versions of Chrome, Edge, Firefox
                and Safari have one of them.
            </p>
            {!guest && (
                <div class="centred-actions">
                    <PageLink to="/" look="primary">Back to your desktops</PageLink>
                </div>
            )}
        </Centred>
    );
}

function Desktop({ source, id }: Props) {
    const { client, router } = useApp();
    const canvas = useRef<HTMLCanvasElement>(null);
    const stage = useRef<HTMLDivElement>(null);
    const keys = useRef<HTMLTextAreaElement>(null);
    const entry = useRef<HTMLButtonElement | null>(null);
    const [controller, setController] = useState<DesktopController | null>(null);
    const [statistics, setStatistics] = useState(false);
    const [typing, setTyping] = useState(false);
    const [mode, setMode] = useState<DisplayMode>("follow");
    const [clipboard, setClipboard] = useState(false);
    const [keyBar, setKeyBar] = useState(false);
    const [stopping, setStopping] = useState(false);
    const [sharing, setSharing] = useState(false);
    const [starting, setStarting] = useState(false);
    const [startError, setStartError] = useState<string | null>(null);
    const state = useStore(controller?.session.state ?? BEFORE);
    const locked = useStore(controller?.pointerLock.locked ?? NOT_LOCKED);
    const open = state.connection === "open";
    const acts = state.access === "control";
    const running = state.connection !== "ended" && state.connection !== "failed";

    // Before the page's own first picture, not after it: connecting takes longer than that.
    useLayoutEffect(() => {
        if (canvas.current === null || stage.current === null || keys.current === null) {
            return;
        }
        const leave = () => entry.current?.focus();
        const made = new DesktopController(source, canvas.current, stage.current, keys.current, leave);
        setController(made);
        return () => made.close();
    }, [source]);

    useEffect(() => {
        if (open) {
            canvas.current?.focus({ preventScroll: true });
        }
    }, [open]);

    // The key field takes no focus while it is of no use; the canvas then keeps what is meant for it.
    useEffect(() => {
        if (acts && document.activeElement === canvas.current) {
            keys.current?.focus({ preventScroll: true });
        }
    }, [acts]);

    useEffect(() => {
        if (state.connection === "signed-out") {
            client.auth.forget();
        }
    }, [state.connection]);

    // Wherever the focus is: Control, Alt and Shift together are the page's, not the sandbox's.
    useEffect(() => {
        const listeners = new AbortController();
        const pressed = (event: KeyboardEvent) => {
            if (event.ctrlKey && event.altKey && event.shiftKey && event.code === "KeyS" && !event.repeat) {
                event.preventDefault();
                event.stopPropagation();
                setStatistics((shown) => !shown);
                // The three together have just moved the focus to the controls.
                canvas.current?.focus({ preventScroll: true });
            }
        };
        addEventListener("keydown", pressed, { capture: true, signal: listeners.signal });
        return () => listeners.abort();
    }, []);

    const startNew = async () => {
        if (id === null) {
            return;
        }
        setStarting(true);
        setStartError(null);
        try {
            const old = await client.sandbox(id, new AbortController().signal);
            const fresh = await client.startSandbox(old.template, crypto.randomUUID());
            if (fresh.state === "ended") {
                setStartError(fresh.stop?.detail ?? "The desktop could not start.");
            } else {
                router.replace(`/sandboxes/${fresh.id}`);
            }
        } catch (error) {
            setStartError(describe(error));
        }
        setStarting(false);
    };
    const focusDesktop = () => canvas.current?.focus({ preventScroll: true });

    return (
        <main class="desktop">
            <div class="desktop-stage" ref={stage}>
            <canvas
                ref={canvas}
                class="desktop-canvas"
                data-painted={state.painted}
                role="application"
                aria-label="Desktop"
                aria-describedby="desktop-hint"
                tabIndex={-1}
            />
            <textarea
                ref={keys}
                class="desktop-keys"
                aria-label="Keyboard of the desktop"
                aria-describedby="desktop-hint"
                autocomplete="off"
                autocapitalize="none"
                autocorrect="off"
                spellcheck={false}
                inputMode="none"
                rows={1}
                disabled={!acts}
            />
            </div>
            <p id="desktop-hint" class="visually-hidden">
                {acts ? "Keys go to the sandbox." : "You may only watch."} Press Control, Alt and Shift together to leave it for the controls, with S as well for statistics.
            </p>
            <Overlay
                state={state}
                guest={source.guest}
                onRetry={() => controller?.session.retry()}
                onNew={() => void startNew()}
                starting={starting}
                startError={startError}
            />
            {controller !== null && statistics && running && <StatisticsOverlay controller={controller} />}
            {controller !== null && acts && typing && running && (
                <TypingField
                    input={controller.input}
                    onClose={() => {
                        setTyping(false);
                        focusDesktop();
                    }}
                />
            )}
            {controller !== null && acts && state.permissions.clipboard && clipboard && running && (
                <ClipboardPanel
                    clipboard={controller.clipboard}
                    onClose={() => {
                        setClipboard(false);
                        focusDesktop();
                    }}
                />
            )}
            {controller !== null && acts && keyBar && running && (
                <KeyBar input={controller.input} sticky={controller.sticky} onClose={() => setKeyBar(false)} />
            )}
            {open && <RecordingMark {...state.recording} />}
            {controller !== null && open && acts && <MicrophoneMark microphone={controller.microphone} />}
            {controller !== null && acts && running && (
                <UntypedNotice
                    untyped={controller.untyped}
                    clipboard={controller.clipboard}
                    onClipboard={() => setClipboard(true)}
                    onClose={focusDesktop}
                />
            )}
            {locked && <PointerNotice />}
            <Toolbar
                state={state}
                statistics={statistics}
                guest={source.guest}
                sound={controller?.sound ?? null}
                microphone={controller?.microphone ?? null}
                inputMenu={acts && controller !== null ? {
                    settings: controller.settings,
                    apple: PLATFORM === "apple",
                    typing,
                    keyBar,
                    onTyping: () => setTyping(!typing),
                    onKeyBar: () => {
                        setKeyBar(!keyBar);
                        focusDesktop();
                    },
                    onPointerLock: () => {
                        focusDesktop();
                        void controller.pointerLock.toggle();
                    },
                } : null}
                mode={mode}
                clipboard={clipboard}
                onClipboard={() => setClipboard(!clipboard)}
                entry={entry}
                onChord={(codes) => {
                    controller?.input.chord(codes);
                    focusDesktop();
                }}
                onStatistics={() => setStatistics(!statistics)}
                onMode={(chosen) => {
                    setMode(chosen);
                    controller?.setMode(chosen);
                    focusDesktop();
                }}
                onFullScreen={() => {
                    void enterOrLeaveFullScreen();
                    focusDesktop();
                }}
                onRecord={() => {
                    if (id !== null) {
                        // What becomes of it comes as a notice.
                        const { on } = state.recording;
                        void (on ? client.stopRecording(id) : client.startRecording(id)).catch(() => undefined);
                        focusDesktop();
                    }
                }}
                onShare={() => setSharing(true)}
                onStop={() => setStopping(true)}
            />
            {sharing && id !== null && running && (
                <ShareDialog
                    id={id}
                    viewers={state.viewers.items ?? []}
                    sharing={state.permissions.sharing}
                    onClose={() => {
                        setSharing(false);
                        focusDesktop();
                    }}
                />
            )}
            {stopping && id !== null && (
                <StopDialog id={id} onClose={() => setStopping(false)} onStopped={() => setStopping(false)} />
            )}
        </main>
    );
}
