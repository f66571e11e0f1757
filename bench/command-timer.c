// Runs programs one after the other and says how long that took, with no shell and no Node in between.
//
//   timed    each line on standard input: words separated by tabs, commands by a word ";"
//
// Words NAME=VALUE before the program are its environment, in place of ours, and <FILE is its standard input; what it then
// prints is thrown away.
//
// Answers each line with its milliseconds, or ends when a command fails. Their standard output goes to ours' error.
#include <fcntl.h>
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

static void run(char **command)
{
	char *environment[WORDS], **arguments = command, *input = NULL;
	posix_spawn_file_actions_t actions;
	int variables = 0, status;
	pid_t pid;

	for (; *arguments && strchr(*arguments, '=') && **arguments != '<'; arguments++)
		environment[variables++] = *arguments;
	environment[variables] = NULL;
	if (*arguments && **arguments == '<')
		input = *arguments++ + 1;
	if (!*arguments)
		exit(2);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	if (input) {
		posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input, O_RDONLY, 0);
		posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	}
	if (posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, variables ? environment : environ)) {
		perror(arguments[0]);
		exit(1);
	}
	if (waitpid(pid, &status, 0) < 0 || status) {
		fprintf(stderr, "%s %s failed\n", arguments[0], arguments[1] ? arguments[1] : "");
		exit(1);
	}
	posix_spawn_file_actions_destroy(&actions);
}

int main(void)
{
	static char line[1 << 16];

	while (fgets(line, sizeof(line), stdin)) {
		char *command[WORDS];
		int words = 0;
		double start = now();

		line[strcspn(line, "\n")] = 0;
		for (char *word = strtok(line, "\t"); word; word = strtok(NULL, "\t")) {
			int end = !strcmp(word, ";");
			command[words] = end ? NULL : word;
			if (end)
				run(command);
			words = end ? 0 : words + 1;
			if (words == WORDS)
				return 2;
		}
		command[words] = NULL;
		if (words)
			run(command);
		printf("%f\n", now() - start);
		fflush(stdout);
	}
	return 0;
}
