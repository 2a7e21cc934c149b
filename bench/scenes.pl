# Shows a film of 960x540 at 30 frames a second at 300,200, for the given number of seconds. With a second argument the last frame stays for so many
# seconds, and the file "ended" tells when it was drawn (seconds since 1970). bench/lib/film.mjs knows the frames. It speaks the X protocol itself, so that it runs wherever
# perl does.
use strict;
use warnings;
use IO::Socket::UNIX;
use Time::HiRes qw(sleep time);

my ($seconds, $stay) = @ARGV;
my ($WIDTH, $HEIGHT, $FRAMES) = (960, 540, 30);

sub cookie {
    my $path = $ENV{XAUTHORITY} || "$ENV{HOME}/.Xauthority";
    open(my $file, "<:raw", $path) or return ("", "");
    read($file, my $data, 4096);
    my @fields = unpack("n n/a* n/a* n/a* n/a*", $data);
    return @fields[3, 4];
}

sub padded { return $_[0] . "\0" x (-length($_[0]) % 4) }

sub answer {
    my ($x, $length) = @_;
    my $data = "";
    while (length($data) < $length) {
        sysread($x, $data, $length - length($data), length($data)) or die "the X server left";
    }
    return $data;
}

sub connect_display {
    my ($number) = $ENV{DISPLAY} =~ /:(\d+)/;
    my $x = IO::Socket::UNIX->new("/tmp/.X11-unix/X$number") or die "no display: $!";
    my ($name, $key) = cookie();
    syswrite($x, pack("a x v v v v x2", "l", 11, 0, length($name), length($key)) . padded($name) . padded($key));
    my $head = answer($x, 8);
    my $setup = answer($x, unpack("x6 v", $head) * 4);
    die "refused" unless unpack("C", $head) == 1;
    my ($base, $vendor, $formats) = unpack("x4 V x8 v x3 C", $setup);
    my $root = unpack("V", substr($setup, 32 + $vendor + (-$vendor % 4) + $formats * 8, 4));
    return ($x, $base, $root);
}

# Requests of more than 256 KiB need an extension.
sub enable_big_requests {
    my ($x) = @_;
    syswrite($x, pack("C x v v x2", 98, 5, 12) . "BIG-REQUESTS");
    my $opcode = unpack("x9 C", answer($x, 32));
    syswrite($x, pack("C C v", $opcode, 0, 1));
    answer($x, 32);
}

sub send_all {
    my ($x, $data) = @_;
    for (my $sent = 0; $sent < length($data);) {
        $sent += syswrite($x, $data, length($data) - $sent, $sent) // die "the X server left: $!";
    }
}

# Soft colours with grain on long rows; a frame takes each of its rows from another place of them.
sub film {
    my @rows;
    for my $row (0 .. 15) {
        my $seed = $row * 7919 + 1;
        push @rows, join("", map {
            $seed = ($seed * 1103515245 + 12345) & 0x7fffffff;
            my $grain = ($seed >> 24) & 7;
            my $light = 128 + 100 * sin(($_ + $row * 3) / 70);
            pack("C4", $light / 2 + $grain, $light + $grain, 128 + 90 * cos($_ / 110) + $grain, 0);
        } 0 .. 2047);
    }
    return \@rows;
}

sub frame {
    my ($rows, $number) = @_;
    my $data = "";
    for my $y (0 .. $HEIGHT - 1) {
        my $from = int(500 + 200 * sin($number / 20 + $y / 200) + $number * 2) % 1000;
        $data .= substr($rows->[($y + $number) & 15], $from * 4, $WIDTH * 4);
    }
    return $data;
}

my ($x, $base, $root) = connect_display();
enable_big_requests($x);
my ($window, $gc) = ($base | 1, $base | 2);
send_all($x, pack("C C v V V v6 V V V V", 1, 0, 10, $window, $root, 300, 200, $WIDTH, $HEIGHT, 0, 1, 0, 0x202, 0, 1)); # no border, the focus stays
send_all($x, pack("C x v V", 8, 2, $window));
send_all($x, pack("C x v V V V", 55, 4, $gc, $window, 0));
my $rows = film();
sleep(0.5);
my $start = time();
for (my $number = 0; time() - $start < $seconds; $number++) {
    my $pixels = frame($rows, $number);
    send_all($x, pack("C C v V V V v v v v C C v", 72, 2, 0, length($pixels) / 4 + 7, $window, $gc, $WIDTH, $HEIGHT, 0, 0, 0, 24, 0) . $pixels);
    my $wait = $start + ($number + 1) / $FRAMES - time();
    sleep($wait) if $wait > 0;
}
if ($stay) {
    send_all($x, pack("C x v", 43, 1)); # GetInputFocus: its answer follows the last frame
    answer($x, 32);
    my $end = time();
    open(my $file, ">", "ended.new") or die "ended: $!";
    print $file $end;
    close($file);
    rename("ended.new", "ended");
    sleep($stay);
}
