// Processes as /proc shows them (proc(5)).
import { readFileSync, readdirSync, readlinkSync } from "node:fs";

const GONE = new Set(["ENOENT", "ESRCH", "EACCES"]);

function readProcess(pid) {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const close = text.lastIndexOf(")"); // the name may hold blanks and parentheses
    const rest = text.slice(close + 2).split(" ");
    return {
        pid,
        name: text.slice(text.indexOf("(") + 1, close),
        state: rest[0],
        parent: Number(rest[1]),
        startedAt: rest[19], // with the pid it names a process for good
    };
}

export function listProcesses() {
    const processes = [];
    for (const entry of readdirSync("/proc")) {
        if (!/^\d+$/.test(entry)) continue;
        try {
            processes.push(readProcess(Number(entry)));
        } catch (error) {
            if (!GONE.has(error.code)) throw error; // it ended meanwhile
        }
    }
    return processes;
}

// The process and all that descend from it.
export function processTree(root) {
    const all = listProcesses();
    const tree = new Set([root]);
    for (let grew = true; grew; ) {
        grew = false;
        for (const process of all) {
            if (tree.has(process.parent) && !tree.has(process.pid)) {
                tree.add(process.pid);
                grew = true;
            }
        }
    }
    return all.filter((process) => tree.has(process.pid));
}

// Its arguments, each ended by NUL; none when it ended meanwhile.
export function commandLine(pid) {
    try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
    } catch (error) {
        if (GONE.has(error.code)) return "";
        throw error;
    }
}

export function isAlive({ pid, startedAt }) {
    try {
        const now = readProcess(pid);
        return now.startedAt === startedAt && now.state !== "Z";
    } catch (error) {
        if (GONE.has(error.code)) return false;
        throw error;
    }
}

// True for what belongs to a desktop that waits for an owner: there is no home in it yet.
export function isParked(pid) {
    try {
        const mounts = readFileSync(`/proc/${pid}/mountinfo`, "utf8");
        return mounts.includes(" /sandbox/desktop ") && !mounts.includes(" /home/user ");
    } catch (error) {
        if (GONE.has(error.code) || error.code === "EINVAL") return false; // a process that is ending has none
        throw error;
    }
}

export function userOf(pid) {
    return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
}

export function namespaceOf(pid, kind) {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
}

// A file of /proc/PID as bytes in a string; empty when the process has ended meanwhile.
export function readOf(pid, file) {
    try {
        return readFileSync(`/proc/${pid}/${file}`, "latin1");
    } catch (error) {
        if (error.code === "EINVAL" || (GONE.has(error.code) && error.code !== "EACCES")) return ""; // EINVAL: it is ending
        throw error;
    }
}

// Of what was found some may have ended since.
export function signal({ pid }, name) {
    try {
        process.kill(pid, name);
    } catch (error) {
        if (error.code !== "ESRCH") throw error;
    }
}
