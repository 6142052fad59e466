# SPDX-License-Identifier: GPL-2.0-only
"""A booted Debian system with systemd, udev and an administrator's tools, on a disk of its own.

The job is a tar archive on a second disk. A unit unpacks and runs it once the system is up, and prints
the verdict, as /init does in a machine of vm.py.
"""

import io
import subprocess
import tarfile

import rootfs
import vm

# The tool's dependencies, and the node exporter that reads its output.
PACKAGES = ["curl", "e2fsprogs", "initramfs-tools", "iproute2", "kmod", "libinih1", "libsmartcols1",
            "prometheus-node-exporter", "systemd-sysv", "udev"]
# Tools of an administrator.
MORE = {rootfs.REFERENCE: ["bpftrace", "linux-perf", "prometheus"]}

# autopkgtest, and the dependencies of its DKMS test.
TESTING = ["autodep8", "autopkgtest", "dctrl-tools", "dkms", "dpkg-dev", "efitools", "linux-doc", "linux-headers-amd64", "openssl"]

UEFI = "/usr/share/OVMF"

# dnf, by suite. Its RPM database is empty: a package built here provides what Debian's packages have installed.
DNF = {"bookworm": ["dnf"], "trixie": ["dnf"], "forky": ["createrepo-c", "dnf5", "mount"]}
RPM = """
apt-get install --yes --no-install-recommends linux-headers-%(release)s linux-image-%(other)s linux-headers-%(other)s
apt-get clean
cd /tmp
ldconfig -p | sed -n 's/.* => //p' | /usr/lib/rpm/elfdeps --provides | sort -u | sed 's/^/Provides: /' > provides
cat > debian.spec <<'END'
Name: debian
Version: 1
Release: 1
Summary: What is there
License: none
BuildArch: noarch
Provides: /bin/sh
Provides: dkms = 3
Provides: rtld(GNU_HASH)
%%include /tmp/provides
%%description
None.
%%files
END
rpmbuild -bb --define '_topdir /tmp/rpm' debian.spec
rpm -i rpm/RPMS/noarch/debian-1-1.noarch.rpm
rm -r provides debian.spec rpm
"""

# Kernel headers for DKMS.
HEADERS = """
apt-get install --yes --no-install-recommends linux-headers-%(release)s
apt-get clean
"""

# An older kernel of the same series: that of the distribution's last point release, which the archive without security updates has, or
# if this is the newest, the oldest in the archives. And the packages of the newest kernel of each flavour, downloaded.
OLDER = """
older=$({ apt-cache show linux-image-amd64 | sed -n 's/^Depends: \\(linux-image-[^ ]*\\).*/\\1/p' | sort -V
          apt-cache search --names-only '^linux-image-6[.]1[.]0-[0-9]+-amd64$' | cut -d ' ' -f 1 | sort -V
        } | grep -v -x 'linux-image-%(release)s' | head -n 1)
older=${older#linux-image-}
echo "$older" > /older-release
"""
UPGRADES = """
newest=%(release)s
for flavour in amd64 rt-amd64 cloud-amd64; do
    for part in image headers; do
        directory=/var/cache/upgrade/$flavour/$part
        mkdir -p "$directory"
        apt-get install --yes --no-install-recommends --download-only -o "Dir::Cache::archives=$directory" \\
            "linux-$part-${newest%%amd64}$flavour"
    done
done
"""

SETUP = r"""
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get install --yes --no-install-recommends linux-image-%(release)s
apt-get clean
echo /dev/vda / ext4 defaults 0 1 > /etc/fstab
echo debian > /etc/hostname
cat > /etc/systemd/system/job.service <<'END'
[Unit]
Description=What this machine was booted for
After=multi-user.target
[Service]
Type=idle
ExecStart=/bin/sh -c 'mkdir /run/job && tar -xf /dev/vdb -C /run/job && exec sh /run/job/init'
StandardOutput=file:/dev/ttyS1
StandardError=file:/dev/ttyS1
[Install]
WantedBy=graphical.target
END
systemctl enable job.service
systemctl mask serial-getty@ttyS0.service getty@tty1.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer
# Started by who needs them.
systemctl disable prometheus-node-exporter.service
if [ -e /usr/bin/prometheus ]; then systemctl disable prometheus.service; fi
"""

INIT = """
cd /run/job
. ./job.env
stty -F /dev/ttyS1 raw -echo
# The report is a terminal: perf would start a pager and wait.
export PAGER=cat
verdict=fail
sh ./job && verdict=pass
echo "verdict $REPORT_NONCE $verdict"
sync
poweroff -f
"""


def directory(kernel, kind="system"):
    """Return the root of a system with a kernel.

    system: for a module that was built elsewhere. building: with DKMS and kernel headers. testing: the same, with
    autopkgtest. rpm: with dnf and a second kernel. upgrade: an older kernel, and the packages of this one. older: an older kernel
    alone, with tools for UEFI's keys.
    """
    suite, extra = rootfs.SUITES[kernel]
    newest = {"release": rootfs.release(kernel)}
    if kind == "system":
        return rootfs.make(f"system-{kernel}", suite, extra, PACKAGES + MORE.get(kernel, []), SETUP % newest)
    if kind == "building":
        return rootfs.make(f"building-{kernel}", suite, extra, [*PACKAGES, "dkms"], SETUP % newest + HEADERS % newest)
    if kind == "testing":
        return rootfs.make(f"testing-{kernel}", suite, extra, [*PACKAGES, *TESTING], SETUP % newest + HEADERS % newest)
    if kind == "rpm":
        names = newest | {"other": newest["release"].replace("-amd64", "-cloud-amd64")}
        return rootfs.make(f"rpm-{kernel}", suite, extra, [*PACKAGES, *DNF[suite], "dkms", "gpg", "rpm"], SETUP % names + RPM % names)
    older = {"release": "$older"}
    if kind == "older":
        return rootfs.make(f"older-{kernel}", suite, extra, [*PACKAGES, "efitools", "openssl"], OLDER % newest + SETUP % older)
    return rootfs.make(f"upgrade-{kernel}", suite, extra, [*PACKAGES, "dkms", "grub2-common", "grub-pc-bin", "zstd"],
                      OLDER % newest + SETUP % older + HEADERS % older + UPGRADES % newest)


def kernels(root):
    """Return the names of the kernels in a root."""
    return sorted(path.name for path in (root / "lib" / "modules").iterdir())


class System(vm.Machine):
    """A Debian system with a kernel of rootfs.SUITES. boot() may be called repeatedly, with files for the job.

    Changes are discarded after each boot, unless disk names a file: that disk is created and kept from boot to boot. With has_loader
    the boot loader on it chooses the kernel. With variables, a file of UEFI variables, the firmware is UEFI.

    The default mode "sleep" has one CPU: tracing patches the kernel's text, which can hang QEMU with two.
    """

    def __init__(self, kernel, files, mode="sleep", nic="none", kind="system", disk=None, variables=None):
        super().__init__(kernel, mode, None, files)
        self.directory, self.nic, self.disk, self.variables = directory(kernel, kind), nic, disk, variables
        self.release, self.has_loader = rootfs.release(kernel), False
        if kind in ("upgrade", "older"):
            self.release = (self.directory / "older-release").read_text(encoding="ascii").strip()
        if disk:
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(rootfs.image(self.directory)),
                            str(disk)], check=True)

    def _command(self, directory, report="stdio,id=report", options=""):
        words = ["root=/dev/vda", vm.COMMAND_LINE, options]
        kernel = [] if self.has_loader else [
            "-kernel", str(rootfs.kernel_image(self.directory, self.release, firmware=bool(self.variables))),
            "-initrd", str(self.directory / "boot" / f"initrd.img-{self.release}"),
            "-append", " ".join(word for word in words if word)]
        firmware = [word for number, file in enumerate([f"{UEFI}/OVMF_CODE_4M.fd,readonly=on", self.variables])
                    for word in ("-drive", f"if=pflash,format=raw,unit={number},file={file}")] if self.variables else []
        return ["qemu-system-x86_64", "-cpu", "max,la57=off", "-m", self.memory, *vm.MODES[self.mode],
                "-nic", self.nic, "-vga", "none", "-display", "none", "-monitor", "none", "-no-reboot",
                "-serial", f"file:{directory}/console", "-chardev", report, "-serial", "chardev:report",
                "-drive", f"file={self.disk},format=qcow2,if=virtio" if self.disk else
                f"file={rootfs.image(self.directory)},format=raw,if=virtio,snapshot=on",
                "-drive", f"file={directory}/job.tar,format=raw,if=virtio,readonly=on", *firmware, *kernel]

    def _prepare(self, directory, job, nonce="none"):
        files = {"init": INIT.encode(), "job": job.encode(), "job.env": f"REPORT_NONCE={nonce}\n".encode(),
                 **self.others}
        with tarfile.open(f"{directory}/job.tar", "w") as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
