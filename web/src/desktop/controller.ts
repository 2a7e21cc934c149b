import { Store } from "../app/store";
import { displayPoint } from "../input/geometry";
import { attachKeyField } from "../input/key-field";
import { Keyboard, type Platform } from "../input/keyboard";
import { PacedSend } from "../input/paced";
import { attachPointer, PointerMotion } from "../input/pointer";
import { PointerLock } from "../input/pointer-lock";
import { KeyboardSettings } from "../input/preferences";
import { RelativeMotion } from "../input/relative";
import { InputSender, type Point } from "../input/sender";
import { StickyModifiers } from "../input/sticky";
import { Picture } from "../stream/picture";
import { StreamStatistics } from "../stream/statistics";
import { attachClipboard, DesktopClipboard } from "./clipboard";
import { CursorView } from "./cursor-view";
import { type DisplayMode, placeOf, SizeFollower } from "./display-size";
import { Magnifier } from "./magnifier";
import { DesktopMicrophone } from "./microphone";
import { followRights } from "./rights";
import { DesktopSession } from "./session";
import { DesktopSound } from "./sound";
import type { DesktopSource } from "./source";
import { exposeStatistics } from "./test-surface";

export const PLATFORM: Platform = /Mac|iP(hone|ad|od)/.test(navigator.platform)
    ? "apple"
    : navigator.platform.startsWith("Win") ? "windows" : "other";

/** One desktop on one canvas: the session, the input that goes to it, and where the picture stands. */
export class DesktopController {
    readonly statistics = new StreamStatistics();
    readonly session: DesktopSession;
    readonly input: InputSender;
    readonly clipboard: DesktopClipboard;
    readonly settings = new KeyboardSettings();
    readonly sound: DesktopSound;
    readonly microphone: DesktopMicrophone;
    readonly sticky: StickyModifiers;
    readonly pointerLock: PointerLock;
    /** Characters that were not typed, too many being on their way; 0 once somebody was told. */
    readonly untyped = new Store(0);
    private readonly paced: PacedSend;
    private readonly keyboard: Keyboard;
    private readonly motion: PointerMotion;
    private readonly relative: RelativeMotion;
    private readonly cursorView: CursorView;
    private readonly magnifier = new Magnifier();
    private readonly follower: SizeFollower;
    private place: () => void = () => undefined;
    private readonly undo: (() => void)[] = [];

    constructor(
        source: DesktopSource,
        private readonly canvas: HTMLCanvasElement,
        private readonly stage: HTMLElement,
        keys: HTMLTextAreaElement,
        leave: () => void,
    ) {
        const session = new DesktopSession(source, new Picture(canvas), this.statistics);
        this.session = session;
        this.clipboard = new DesktopClipboard((message, fleeting) => session.send(message, fleeting));
        session.onClipboard = (message) => this.clipboard.receive(message);
        const untyped = (characters: number) => this.untyped.set(this.untyped.get() + characters);
        this.paced = new PacedSend((message, fleeting) => this.clipboard.send(message, fleeting), () => untyped(1));
        this.input = new InputSender((message, fleeting) => this.paced.send(message, fleeting));
        this.input.onCut = untyped;
        this.follower = new SizeFollower(
            () => ({ width: stage.clientWidth, height: stage.clientHeight }),
            (message) => session.send(message, false),
        );
        this.sound = new DesktopSound(this.statistics, (message) => session.send(message, false));
        this.microphone = new DesktopMicrophone((message, fleeting) => session.send(message, fleeting));
        session.onHello = () => {
            this.follower.restart();
            this.clipboard.renew();
            this.sound.restart();
            this.microphone.restart();
        };
        session.onSound = (packet, captured) => this.sound.play(packet, captured);
        this.sticky = new StickyModifiers(this.input);
        this.pointerLock = new PointerLock(canvas);
        this.keyboard = new Keyboard(this.input, () => this.settings.get(), PLATFORM, () => {
            this.pointerLock.end();
            leave();
        });
        this.motion = new PointerMotion(this.input);
        this.cursorView = new CursorView(canvas, stage, () => session.state.get().size);
        this.relative = new RelativeMotion(this.input, () => this.pictureScale(), (x, y) => this.cursorView.moveBy(x, y));
        session.onPointer = (place) => {
            this.motion.displaced();
            this.cursorView.moveElsewhere(place);
        };
        session.onConnected = () => {
            this.clipboard.restart();
            this.paced.restart();
            this.input.restart();
            this.keyboard.release();
            this.motion.forget();
        };
        this.undo.push(
            attachClipboard(keys, this.clipboard),
            attachKeyField(keys, canvas, this.keyboard),
            this.attachPointer(),
            this.followSize(),
            this.followCursor(),
            this.followLayout(),
            followRights(session.state, { paced: this.paced, keyboard: this.keyboard, pointerLock: this.pointerLock, microphone: this.microphone }),
            this.wakeOnReturn(),
            exposeStatistics(this.statistics, session, this.sound, this.microphone),
        );
        session.start();
    }

    close(): void {
        this.keyboard.release();
        this.pointerLock.close();
        this.cursorView.close();
        this.session.close();
        this.paced.restart();
        this.sound.close();
        this.microphone.stop();
        for (const undo of this.undo) {
            undo();
        }
    }

    setMode(mode: DisplayMode): void {
        this.follower.mode = mode;
        this.stage.dataset.mode = mode;
        this.place();
        this.follower.changed();
    }

    private locate(clientX: number, clientY: number) {
        const { size } = this.session.state.get();
        return size === null ? null : displayPoint(clientX, clientY, this.canvas.getBoundingClientRect(), size);
    }

    private followSize(): () => void {
        let known: unknown = null;
        this.place = () => {
            const { size } = this.session.state.get();
            if (size === null) {
                return;
            }
            known = size;
            const box = { width: this.stage.clientWidth, height: this.stage.clientHeight };
            const spot = placeOf(this.follower.mode, size, box, devicePixelRatio);
            const { style } = this.canvas;
            style.left = `${spot.x}px`;
            style.top = `${spot.y}px`;
            style.width = `${spot.width}px`;
            style.height = `${spot.height}px`;
            // Whole multiples stay crisp; anything else is smoothed by the browser.
            const scale = Math.round(spot.width * devicePixelRatio) / size.width;
            style.imageRendering = Number.isInteger(scale) ? "pixelated" : "auto";
            this.cursorView.show();
        };
        const listeners = new AbortController();
        const { signal } = listeners;
        const changed = () => {
            this.place();
            this.follower.changed();
        };
        const observer = new ResizeObserver(changed);
        observer.observe(this.stage);
        addEventListener("focus", () => this.follower.returned(), { signal });
        // The window went to a screen of another density, or the page was zoomed: both may leave the box as it is.
        addEventListener("resize", changed, { signal });
        const off = this.session.state.subscribe(() => {
            if (this.session.state.get().size !== known) {
                this.place();
            }
        });
        return () => {
            listeners.abort();
            observer.disconnect();
            this.follower.close();
            off();
        };
    }

    private attachPointer(): () => void {
        const off = this.pointerLock.locked.subscribe(() => {
            this.keyboard.raw = this.pointerLock.locked.get();
            this.keyboard.release();
            this.motion.forget();
            this.cursorView.moveBy(0, 0);
        });
        const detach = attachPointer({
            canvas: this.canvas,
            sender: this.input,
            keyboard: this.keyboard,
            motion: this.motion,
            relative: this.relative,
            locate: (x, y) => this.locate(x, y),
            isLocked: () => this.pointerLock.locked.get(),
            used: (pointerType, point) => this.ownPointer(pointerType, point),
            pinch: (...pinch) => this.magnify(...pinch),
        });
        return () => {
            off();
            detach();
        };
    }

    /** Who may only watch moves no pointer of the desktop. */
    private ownPointer(pointerType: string, point: Point): void {
        if (this.session.state.get().access === "control") {
            this.cursorView.moveTo(point, pointerType === "touch");
        }
    }

    private magnify(factor: number, x: number, y: number, movedX: number, movedY: number): void {
        const { canvas, magnifier } = this;
        const stage = this.stage.getBoundingClientRect();
        const box = {
            x: stage.left + canvas.offsetLeft,
            y: stage.top + canvas.offsetTop,
            width: canvas.offsetWidth,
            height: canvas.offsetHeight,
        };
        magnifier.pinch(box, factor, x, y, movedX, movedY);
        canvas.style.transform = magnifier.transform;
        this.cursorView.show();
    }

    /** CSS pixels per pixel of the display. */
    private pictureScale(): number {
        const { size } = this.session.state.get();
        return size === null ? 1 : this.canvas.getBoundingClientRect().width / size.width || 1;
    }

    private followCursor(): () => void {
        const { cursor } = this.session;
        return cursor.subscribe(() => this.cursorView.set(cursor.get()));
    }

    /** Tells each streamer the layout that was chosen; one that was never chosen is left as it is. */
    private followLayout(): () => void {
        let told = "";
        const tell = () => {
            const { layout } = this.settings.get();
            const open = this.session.state.get().connection === "open";
            if (!open) {
                told = "";
            } else if (layout !== told) {
                told = layout;
                const [name = "us", variant = ""] = (layout || "us").split("/");
                this.input.layout(name, variant);
            }
        };
        const off = [this.settings.subscribe(tell), this.session.state.subscribe(tell)];
        return () => off.forEach((undo) => undo());
    }

    /** The network or the user is back: no reason to sit out the rest of a pause. */
    private wakeOnReturn(): () => void {
        const listeners = new AbortController();
        const { signal } = listeners;
        const wake = () => {
            if (!document.hidden && this.session.state.get().connection !== "failed") {
                this.session.retry();
            }
        };
        addEventListener("online", wake, { signal });
        document.addEventListener("visibilitychange", wake, { signal });
        return () => listeners.abort();
    }
}
