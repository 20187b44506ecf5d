# SPDX-License-Identifier: BSD-3-Clause
"""libvirt of our own: a libvirtd with folders, users, processes and a host's name that nobody else sees, and that end with us. QEMU
runs as on an installed Debian: as the user libvirt-qemu, who is in the group kvm."""
import glob
import os
import signal
import uuid

from . import guest, procs

_SETUP = r'''
set -e
hostname "$3"
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
echo "host_uuid = \"$4\"" >>/etc/libvirt/libvirtd.conf
cat >/etc/libvirt/qemu-odd-ram <<'END'
#!/bin/bash
# libvirt rounds memory up to whole MiB; see guest.Guest for what QEMU loses of such while it migrates under emulation.
arguments=("$@")
for i in "${!arguments[@]}"; do
	case ${arguments[i]} in
	129 | size=132096k) arguments[i]=131080K ;;
	*'"id":"pc.ram"'*) arguments[i]=${arguments[i]/135266304/134225920} ;;
	esac
done
exec qemu-system-x86_64 "${arguments[@]}"
END
chmod 755 /etc/libvirt/qemu-odd-ram
# Not exec: somebody must collect the children that libvirtd leaves.
libvirtd &
wait
'''


class Libvirt:
    """The guest's kernel and initrd are in /var/lib/libvirt/images. Programs of ours that share its folders are started
    with `inside` before their arguments. netns: libvirtd's. name: the host's."""

    def __init__(self, netns, name='host'):
        folder = os.path.join(procs.workdir(), 'libvirt-' + name)
        os.mkdir(folder)
        self.proc = procs.Process(['unshare', '--mount', '--uts', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', 'bash', '-c',
                                   _SETUP, 'libvirt', folder, guest.image(), name, str(uuid.uuid4())], 'libvirtd-' + name, netns=netns)
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

    @property
    def uri(self):
        """By which a virsh anywhere on this machine reaches it."""
        return 'qemu+unix:///system?socket=' + self.path('/run/libvirt/libvirt-sock')

    def qemu_uid(self):
        """The number of the user whom the only QEMU runs as."""
        return procs.run(['nsenter', f'--target={self.pid}', '--mount', '--pid', '--', 'sh', '-c',
                          "sed -n 's/^Uid:\\t\\([0-9]*\\).*/\\1/p' $(grep -l qemu-system /proc/[0-9]*/comm | sed 's/comm$/status/')"]).strip()

    def qemu_log(self, name):
        """What libvirt keeps of the output of the QEMU that was started last for a domain."""
        with open(self.path(f'/var/log/libvirt/qemu/{name}.log')) as f:
            return f.read().rpartition(': starting up libvirt version')[2]

    def write(self, inside, text):
        with open(self.path(inside), 'w') as f:
            f.write(text)
        return inside

    def create(self, xml):
        """Starts a domain that is forgotten when it ends."""
        self.virsh('create', self.write('/run/domain.xml', xml))

    def begin_create(self, xml):
        """The same, in the background: its process."""
        return procs.Process(['nsenter', f'--target={self.pid}', '--mount', '--pid', '--', 'virsh', '--connect', 'qemu:///system',
                              'create', self.write('/run/domain.xml', xml)], 'virsh-create')


class Domain(guest.Guest):
    """The guest in a running domain, by its agent. arrived: it came by migration, so its agent says nothing of itself."""

    def __init__(self, virt, name, arrived=False):
        self.name, self.proc, self.buf = name, virt.proc, b''
        self.sock = self.qmp_sock = None
        [self.agent_path] = glob.glob(virt.path(f'/var/lib/libvirt/qemu/channel/target/domain-*-{name}/agent'))
        self.attach() if arrived else self.wait_ready()
