// Attaches pinned programs to a device by BPF links and pins those, as `bpftool net attach` and `bpftool link pin` would.
//
//   attach IFINDEX {TYPE PROGRAM LINK}…    enum bpf_attach_type by number, paths of pins
#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>

static int check(int answer, const char *tried)
{
	if (answer < 0) {
		perror(tried);
		exit(1);
	}
	return answer;
}

int main(int count, char **words)
{
	for (int i = 2; i + 2 < count; i += 3) {
		int program = check(bpf_obj_get(words[i + 1]), words[i + 1]);
		int link = check(bpf_link_create(program, atoi(words[1]), atoi(words[i]), NULL), "bpf_link_create");
		check(bpf_obj_pin(link, words[i + 2]), words[i + 2]);
	}
	return 0;
}
