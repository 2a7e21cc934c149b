/** Maximums of docs/PROTOCOL.md, and the browser's own bounds on what a stream may make it hold. */

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = "sandbox.desktop.v1";

export const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
export const MAX_CLIPBOARD_BYTES = 65_536;
export const MAX_CLIPBOARD_TOTAL = 64 * 1024 * 1024;
export const MIN_DISPLAY_WIDTH = 320;
export const MIN_DISPLAY_HEIGHT = 200;
export const MAX_DISPLAY_WIDTH = 7_680;
export const MAX_DISPLAY_HEIGHT = 4_320;
export const MAX_RECTANGLES = 64;
export const MAX_LOSSLESS_PIXELS = 262_144;
export const MAX_CURSOR_SIZE = 256;
/** An Opus packet of one frame (RFC 6716). */
export const MAX_AUDIO_BYTES = 1_275;
/** One of ours: 20 ms of a microphone. */
export const MAX_VOICE_BYTES = 400;
export const MAX_FRAMERATE = 240;
export const MAX_CODEC_LENGTH = 64;

/** A streamer keeps 32 updates un-acknowledged at most, each of some 40 messages at most; beyond these bounds it is broken or hostile. */
export const MAX_QUEUED_MESSAGES = 2_048;
export const MAX_QUEUED_BYTES = 64 * 1024 * 1024;

/** A notice is a few hundred bytes of JSON. */
export const MAX_NOTICE_LENGTH = 8_192;
