package facts

import "testing"

func TestRelease(t *testing.T) {
	for _, c := range []struct{ name, os, redhat, debian, want string }{
		{"centos 7", "ID=\"centos\"\nVERSION_ID=\"7\"\n", "CentOS Linux release 7.9.2009 (Core)", "", "centos 7.9.2009"},
		{"rocky 9", "ID=\"rocky\"\nVERSION_ID=\"9.3\"\n", "Rocky Linux release 9.3 (Blue Onyx)", "", "rocky 9.3"},
		{"centos 6", "", "CentOS release 6.10 (Final)", "", "centos 6.10"},
		{"debian", "ID=debian\nVERSION_ID='12'\n", "", "12.11", "debian 12.11"},
		{"debian testing", "ID=debian\n", "", "trixie/sid", "debian trixie/sid"},
		{"ubuntu", "ID=ubuntu\nVERSION_ID=\"22.04\"\n", "", "bookworm/sid", "ubuntu 22.04"},
		{"arch", "ID=arch\n", "", "", "arch "},
		{"garbage", "===\nID\n", " release ", "", " "},
	} {
		name, version := release(c.os, c.redhat, c.debian)
		if got := name + " " + version; got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestVirtual(t *testing.T) {
	for _, c := range []struct {
		name       string
		p          product
		container  string
		hypervisor bool
		want       string
	}{
		{"bare metal", product{vendor: "Dell Inc.", name: "PowerEdge R740xd2"}, "", false, ""},
		{"docker", product{vendor: "Dell Inc.", name: "PowerEdge R740xd2"}, "docker", false, "docker"},
		{"qemu", product{vendor: "QEMU", name: "Standard PC (Q35 + ICH9, 2009)"}, "", true, "qemu"},
		{"vmware", product{vendor: "VMware, Inc.", name: "VMware Virtual Platform"}, "", true, "vmware"},
		{"hyper-v", product{vendor: "Microsoft Corporation", name: "Virtual Machine"}, "", true, "microsoft"},
		{"ec2", product{vendor: "Amazon EC2", name: "m5.large"}, "", true, "amazon"},
		{"ec2 without hypervisor", product{vendor: "Amazon EC2", name: "m5.metal"}, "", false, ""},
		{"unnamed", product{}, "", true, "vm"},
	} {
		if got := virtual(c.p, c.container, func() bool { return c.hypervisor }); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
