// Runs programs one after the other and says how long that took, with no shell and no Node in between.
//
//   timed    each line on standard input: words separated by tabs, commands by a word ";"
//
// Answers each line with its milliseconds, or ends when a command fails. Their standard output goes to ours' error.
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORDS = 64 };

extern char **environ;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void run(char **command, posix_spawn_file_actions_t *actions)
{
	pid_t pid;
	int status;

	if (posix_spawnp(&pid, command[0], actions, NULL, command, environ)) {
		perror(command[0]);
		exit(1);
	}
	if (waitpid(pid, &status, 0) < 0 || status) {
		fprintf(stderr, "%s %s failed\n", command[0], command[1] ? command[1] : "");
		exit(1);
	}
}

int main(void)
{
	static char line[1 << 16];
	posix_spawn_file_actions_t actions;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	while (fgets(line, sizeof(line), stdin)) {
		char *command[WORDS];
		int words = 0;
		double start = now();

		line[strcspn(line, "\n")] = 0;
		for (char *word = strtok(line, "\t"); word; word = strtok(NULL, "\t")) {
			int end = !strcmp(word, ";");
			command[words] = end ? NULL : word;
			if (end)
				run(command, &actions);
			words = end ? 0 : words + 1;
			if (words == WORDS)
				return 2;
		}
		command[words] = NULL;
		if (words)
			run(command, &actions);
		printf("%f\n", now() - start);
		fflush(stdout);
	}
	return 0;
}
