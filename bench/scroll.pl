# Writes 200 lines a second for the given number of seconds.
use strict;
use warnings;
use Time::HiRes qw(sleep time);

$| = 1;
my $end = time() + $ARGV[0];
my $line = 0;
for (my $due = time(); $due < $end; $due += 0.005) {
    my $wait = $due - time();
    sleep($wait) if $wait > 0;
    printf("%06d %s\n", $line++, join(" ", map { sprintf("%x", $line * $_ * 2654435761 % 65536) } 1 .. 14));
}
