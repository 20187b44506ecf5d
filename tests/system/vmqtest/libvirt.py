# SPDX-License-Identifier: BSD-3-Clause
"""libvirt of our own: a libvirtd with folders, users and processes that nobody else sees, and that end with us. QEMU runs as on
an installed Debian: as the user libvirt-qemu, who is in the group kvm."""
import os
import signal

from . import guest, procs

_SETUP = r'''
set -e
mount --make-rprivate /
cp /etc/passwd /etc/group "$1"
sed -i '/^libvirt-qemu:/d' "$1/passwd" "$1/group"
grep -q ^kvm: "$1/group" || echo kvm:x:64057: >>"$1/group"
echo "libvirt-qemu:x:64055:$(sed -n 's/^kvm:x:\([0-9]*\):.*/\1/p' "$1/group")::/var/lib/libvirt:/usr/sbin/nologin" >>"$1/passwd"
echo libvirt-qemu:x:64055:libvirt-qemu >>"$1/group"
sed -i '/^kvm:/{s/[^:]$/&,/;s/$/libvirt-qemu/}' "$1/group"
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
for d in /run /var/lib/libvirt /var/cache/libvirt /var/log /etc/libvirt; do
	mkdir -p $d
	mount -t tmpfs tmpfs $d
done
mkdir -p /run/vmq /var/lib/libvirt/images
mount --bind "$2" /var/lib/libvirt/images
cat >/etc/libvirt/qemu.conf <<'END'
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
dynamic_ownership = 0
remember_owner = 0
stdio_handler = "file"
END
cat >/etc/libvirt/libvirtd.conf <<'END'
unix_sock_dir = "/run/libvirt"
auth_unix_rw = "none"
log_outputs = "3:stderr"
END
# Not exec: somebody must collect the children that libvirtd leaves.
libvirtd &
wait
'''


class Libvirt:
    """images: the guest's kernel and initrd, in /var/lib/libvirt/images. Programs of ours that share its folders are started
    with `inside` before their arguments. netns: libvirtd's."""

    def __init__(self, netns):
        folder = os.path.join(procs.workdir(), 'libvirt')
        os.mkdir(folder)
        self.proc = procs.Process(['unshare', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', 'bash', '-c', _SETUP,
                                   'libvirt', folder, guest.image()], 'libvirtd', netns=netns)
        procs.at_end(lambda: self.proc.stop(signal.SIGKILL))  # process 1 of a namespace does not hear SIGTERM
        self.pid = procs.wait_for(self._find, 10, 'libvirtd\'s shell')
        self.inside = ['nsenter', f'--mount=/proc/{self.pid}/ns/mnt', '--']
        procs.wait_for(lambda: self.virsh('uri', check=False).strip() == 'qemu:///system', 60, 'libvirtd')

    def _find(self):
        self.proc.need_alive()
        with open(f'/proc/{self.proc.pid}/task/{self.proc.pid}/children') as f:
            return next(iter(f.read().split()), None)

    def path(self, inside):
        return f'/proc/{self.pid}/root{inside}'

    def virsh(self, *args, **kw):
        return procs.run(['nsenter', f'--target={self.pid}', '--mount', '--pid', '--', 'virsh', '--quiet', '--connect',
                          'qemu:///system', *args], **kw)

    def qemu_uid(self):
        """The number of the user whom the only QEMU runs as."""
        return procs.run(['nsenter', f'--target={self.pid}', '--mount', '--pid', '--', 'sh', '-c',
                          "sed -n 's/^Uid:\\t\\([0-9]*\\).*/\\1/p' $(grep -l qemu-system /proc/[0-9]*/comm | sed 's/comm$/status/')"]).strip()

    def create(self, xml):
        """Starts a domain that is forgotten when it ends."""
        with open(self.path('/run/domain.xml'), 'w') as f:
            f.write(xml)
        self.virsh('create', '/run/domain.xml')
