import "./icon.css";

/** Stroke icons on a 24 x 24 grid. */
const PATHS = {
    plus: "M12 5v14M5 12h14",
    play: "M8 5.5v13l10.5-6.5Z",
    stop: "M7 7h10v10H7Z",
    home: "M4 11.5 12 5l8 6.5M6 10.5V19h4.5v-5h3v5H18v-8.5",
    user: "M12 12.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20c1-3.6 3.9-5 7.5-5s6.5 1.4 7.5 5",
    users: "M9 12a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.500 19c.8-3.200 3.300-4.500 6.500-4.500s5.7 1.300 6.500 4.500M15.500 5.300a3.5 3.5 0 0 1 0 6.400M17.500 14.900c2.100.500 3.500 1.800 4 4.100",
    record: "M12 18a6 6 0 1 0 0-12 6 6 0 0 0 0 12ZM12 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
    download: "M12 4.500v10.500M7.500 10.500 12 15l4.500-4.500M5 19.500h14",
    chevron: "m7 10 5 5 5-5",
    shield: "M12 3.5 19 6v5.500c0 4.3-2.9 7.4-7 9-4.1-1.6-7-4.7-7-9V6Z",
    check: "m6 12.5 4 4 8-9",
    warning: "M12 4.5 21 19.500H3ZM12 10.500v4M12 17v.2",
    cross: "m7 7 10 10M17 7 7 17",
    clock: "M12 20.500a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 7.500V12l3 2",
    memory: "M6.5 6.500h11v11h-11ZM10 3.500v3M14 3.500v3M10 17.500v3M14 17.500v3M3.5 10h3M3.5 14h3M17.5 10h3M17.5 14h3",
    keyboard: "M3.5 7h17v10.500h-17ZM7 10.500h.1M10.4 10.500h.1M13.7 10.500h.1M17 10.500h.1M8 14.200h8",
    expand: "M9 4.500H4.500V9M15 4.500h4.500V9M9 19.500H4.500V15M15 19.500h4.500V15",
    shrink: "M4.5 9H9V4.500M19.5 9H15V4.500M4.5 15H9v4.500M19.5 15H15v4.5",
    clipboard: "M9 5.500H6.500V20h11V5.500H15M9 4h6v3.500H9ZM9 11.500h6M9 15h4",
    chart: "M4.5 19.500h15M7.5 16v-4M12 16V6.500M16.5 16V9.5",
    command: "M7 4.500h10a2.5 2.5 0 0 1 2.5 2.500v10a2.5 2.5 0 0 1-2.5 2.500H7A2.5 2.5 0 0 1 4.5 17V7A2.5 2.5 0 0 1 7 4.500ZM9.5 15.500v-7M9.5 12.500l4.5-4M11 11.500l3.5 4",
    signOut: "M14 4.500H6v15h8M10.5 12h9.500M17 8.500l3.5 3.5-3.5 3.5",
    monitor: "M4 5h16v11H4ZM9 20h6M12 16v4",
    mouse: "M12 3.500a5.5 5.5 0 0 1 5.5 5.500v6a5.5 5.5 0 0 1-11 0V9A5.5 5.5 0 0 1 12 3.500ZM12 7v3.5",
    sound: "M4.500 9.500v5H8l4.500 4v-13L8 9.500ZM16 9.200a4 4 0 0 1 0 5.600M18.600 6.600a7.600 7.600 0 0 1 0 10.800",
    silent: "M4.500 9.500v5H8l4.500 4v-13L8 9.500ZM16 9.500l5 5M21 9.500l-5 5",
    microphone: "M12 15a3 3 0 0 0 3-3V6.500a3 3 0 0 0-6 0V12a3 3 0 0 0 3 3ZM6 11.500a6 6 0 0 0 12 0M12 17.500V21M9 21h6",
    muted: "M12 15a3 3 0 0 0 3-3V6.500a3 3 0 0 0-6 0V12a3 3 0 0 0 3 3ZM6 11.500a6 6 0 0 0 12 0M12 17.500V21M9 21h6M4.500 4.500l15 15",
    lock: "M6.5 11h11v8.500h-11ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
    sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.400M18.4 5.6 17 7M7 17l-1.4 1.4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
    return (
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path d={PATHS[name]} />
        </svg>
    );
}

export function Logo() {
    return (
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <defs>
                <linearGradient id="logo-gradient" x1="0" y1="0" x2="1" y2="1">
                    <stop offset="0" stop-color="#5b6cff" />
                    <stop offset="1" stop-color="#0fb5a6" />
                </linearGradient>
            </defs>
            <rect width="32" height="32" rx="8" fill="url(#logo-gradient)" />
            <path class="logo-line" d="M16 5.5 25 10.600v10.300L16 26.5 7 20.900V10.600Z" />
            <path class="logo-line" d="m12.2 13.4 3.2 2.9-3.2 2.900M16.9 19.600h3.4" />
        </svg>
    );
}
