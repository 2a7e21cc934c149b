# Writes lines for the given number of seconds, 200 of them a second unless told otherwise.
use strict;
use warnings;
use Time::HiRes qw(sleep time);

$| = 1;
my $end = time() + $ARGV[0];
my $pause = 1 / ($ARGV[1] || 200);
my $line = 0;
for (my $due = time(); $due < $end; $due += $pause) {
    my $wait = $due - time();
    sleep($wait) if $wait > 0;
    printf("%06d %s\n", $line++, join(" ", map { sprintf("%x", $line * $_ * 2654435761 % 65536) } 1 .. 14));
}
