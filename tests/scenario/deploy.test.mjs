// The files of deploy/ and systemd/: nothing runs them here, so what they name is compared with what there is.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";

const TREE = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAMS = process.env.PROGRAMS;
const KUBERNETES = join(TREE, "deploy/kubernetes");

const read = (path) => readFileSync(join(TREE, path), "utf8");
const documents = (path) =>
    parseAllDocuments(readFileSync(path, "utf8"), { strict: true, uniqueKeys: true }).map((document) => {
        assert.deepEqual(document.errors, [], path);
        return document.toJS();
    });
const manifests = () => readdirSync(KUBERNETES).filter((name) => name !== "kustomization.yaml");
const settings = () => execFileSync(join(PROGRAMS, "bin/sandbox-server"), ["--help"], { encoding: "utf8" });

function assertSettings(environment, where) {
    const known = settings();
    for (const key of Object.keys(environment)) {
        if (key !== "STATE_DIR") assert.match(known, new RegExp(`^\\s*${key}\\b`, "m"), `${where}: ${key}`);
    }
}

test("YAML is clean", (t) => {
    const { error, status, stdout } = spawnSync("yamllint", ["-d", "{extends: default, rules: {line-length: {max: 150}}}", join(TREE, "deploy")]);
    if (error) return t.skip("yamllint is not installed");
    assert.equal(status, 0, String(stdout));
});

test("Kubernetes: every object is listed, of a known kind, in its namespace", () => {
    const versions = { Namespace: "v1", ConfigMap: "v1", Service: "v1", StatefulSet: "apps/v1", NetworkPolicy: "networking.k8s.io/v1" };
    const [list] = documents(join(KUBERNETES, "kustomization.yaml"));
    assert.deepEqual([...list.resources].sort(), manifests().sort());
    for (const object of manifests().flatMap((name) => documents(join(KUBERNETES, name)))) {
        assert.equal(object.apiVersion, versions[object.kind], object.kind);
        assert.equal(object.metadata.name, "sandbox-server");
        if (object.kind !== "Namespace") assert.equal(object.metadata.namespace, "sandbox-server");
    }
});

test("Kubernetes: selectors meet the pods, volumes their mounts, probes and ports each other", () => {
    const all = Object.fromEntries(manifests().flatMap((name) => documents(join(KUBERNETES, name))).map((object) => [object.kind, object]));
    const { spec } = all.StatefulSet;
    const [container] = spec.template.spec.containers;
    for (const labels of [spec.selector.matchLabels, all.Service.spec.selector, all.NetworkPolicy.spec.podSelector.matchLabels])
        assert.deepEqual(labels, spec.template.metadata.labels);
    const volumes = [...spec.template.spec.volumes.map(({ name }) => name), ...spec.volumeClaimTemplates.map(({ metadata }) => metadata.name)];
    for (const mount of container.volumeMounts) assert.ok(volumes.includes(mount.name), mount.name);
    for (const probe of [container.startupProbe, container.readinessProbe]) assert.equal(probe.httpGet.port, container.ports[0].name);
    // Who is drained has no /health, and must live.
    assert.deepEqual([container.livenessProbe.httpGet, container.livenessProbe.tcpSocket.port], [undefined, container.ports[0].name]);
    assert.equal(all.Service.spec.ports[0].targetPort, container.ports[0].name);
    assertSettings(all.ConfigMap.data, "configmap.yaml");
});

test("Kubernetes: no right that sandboxes can do without", () => {
    const [{ spec }] = documents(join(KUBERNETES, "statefulset.yaml"));
    const pod = spec.template.spec;
    const [container] = pod.containers;
    assert.deepEqual([pod.hostUsers, pod.automountServiceAccountToken, pod.securityContext.runAsNonRoot], [false, false, true]);
    assert.deepEqual(container.securityContext.capabilities, { drop: ["ALL"] });
    assert.deepEqual([container.securityContext.allowPrivilegeEscalation, container.securityContext.readOnlyRootFilesystem], [false, true]);
    for (const key of ["hostNetwork", "hostPID", "hostIPC"]) assert.equal(pod[key], undefined);
    assert.equal(container.securityContext.privileged, undefined);
});

test("the seccomp profile refuses nothing that sandboxes are made by, and what reaches the host", () => {
    const profile = JSON.parse(read("deploy/container/seccomp.json"));
    const refused = profile.syscalls.filter(({ action }) => action === "SCMP_ACT_ERRNO").flatMap(({ names }) => names);
    for (const call of ["clone", "clone3", "unshare", "mount", "umount2", "pivot_root", "open_tree", "move_mount", "mount_setattr", "setns", "seccomp", "landlock_restrict_self"])
        assert.ok(!refused.includes(call), call);
    for (const call of ["bpf", "io_uring_setup", "kexec_load", "init_module", "perf_event_open", "keyctl", "open_by_handle_at"]) assert.ok(refused.includes(call), call);
});

test("compose: known settings, no capability, loopback only", () => {
    const [{ services }] = documents(join(TREE, "deploy/container/compose.yaml"));
    const service = services["sandbox-server"];
    assertSettings(service.environment, "compose.yaml");
    assert.deepEqual(service.cap_drop, ["ALL"]);
    assert.equal(service.privileged, undefined);
    for (const port of service.ports) assert.match(port, /^127\.0\.0\.1:/);
    assert.ok(existsSync(join(TREE, "deploy/container", service.build.context, service.build.dockerfile)));
});

test("compose: docker-compose takes it", (t) => {
    const { error, status, stderr } = spawnSync("docker-compose", ["config", "--quiet"], { cwd: join(TREE, "deploy/container"), encoding: "utf8" });
    if (error) return t.skip("docker-compose is not installed");
    assert.equal(status, 0, stderr);
});

test("Containerfile: what it copies is there, what it starts is installed, what the programs link it installs", () => {
    const text = read("deploy/container/Containerfile");
    for (const [, source] of text.matchAll(/^COPY (?!--from)(\S+) /gm)) assert.ok(existsSync(join(TREE, source)), source);
    const [, entry] = /^ENTRYPOINT \["\/opt\/sandbox-server\/(\S+)"\]/m.exec(text);
    assert.ok(existsSync(join(PROGRAMS, entry)));
    const environment = Object.fromEntries(/^ENV (.*)$/m.exec(text)[1].split(" ").map((word) => word.split("=")));
    assertSettings(environment, "Containerfile");
    const image = text.slice(text.lastIndexOf("\nFROM "));
    for (const name of readdirSync(join(PROGRAMS, "bin"))) {
        const linked = execFileSync("ldd", [join(PROGRAMS, "bin", name)], { encoding: "utf8" });
        const libraries = [...linked.matchAll(/=> (\S+)/g)].map(([, path]) => path);
        const direct = execFileSync("readelf", ["--dynamic", join(PROGRAMS, "bin", name)], { encoding: "utf8" });
        for (const [, soname] of direct.matchAll(/NEEDED.*\[(.*)\]/g)) {
            const path = libraries.find((library) => library.endsWith(`/${soname}`));
            if (!path || /^lib(c|m)\.so|^ld-/.test(soname)) continue;
            const owner = [path, path.replace(/^\/lib/, "/usr/lib")].map((each) => spawnSync("dpkg", ["-S", each], { encoding: "utf8" }).stdout).join("");
            const pack = owner.split(":")[0];
            assert.ok(image.includes(pack) || ["libc6", "zlib1g", "libgcc-s1"].includes(pack), `${name} needs ${pack} (${soname})`);
        }
    }
});

test("AppArmor: where user namespaces need a permission, those who make sandboxes have it, and nobody else", () => {
    const profiles = read("apparmor/sandbox-server").split(/^profile /m).slice(1);
    const permitted = profiles.filter((profile) => /^ {4}@USERNS@$/m.test(profile)).map((profile) => profile.split(" ")[0]);
    assert.deepEqual(permitted, ["sandboxd", "sandbox-init", "sandbox-run"]);
    assert.match(read("debian/rules"), /@USERNS@\|userns,\|/); // as Ubuntu's parser takes it
});

test("systemd: the units of the backup are accepted", (t) => {
    const { error, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", ...["service", "timer"].map((kind) => join(TREE, `systemd/sandbox-server-backup.${kind}`))], {
        encoding: "utf8",
    });
    if (error) return t.skip("systemd-analyze is not installed");
    const said = stderr.split("\n").filter((line) => /sandbox-server-backup/.test(line) && !/is not executable|Command .*sandboxctl/.test(line));
    assert.deepEqual(said, []);
});
