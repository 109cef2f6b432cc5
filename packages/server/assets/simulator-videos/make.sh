#!/bin/sh
# Makes the simulator's clips again (Debian 12's ffmpeg 5.1): two seconds each, H.264 baseline, playable in any browser,
# together below 300 kB, so that a test run can serve thousands of them.
set -eu
cd "$(dirname "$0")"

make_clip() { # name, lavfi source
  ffmpeg -hide_banner -loglevel error -y -f lavfi -i "$2" -t 2 -r 24 -an \
    -c:v libx264 -profile:v baseline -level 3.0 -pix_fmt yuv420p -preset veryslow -crf "${3:-20}" \
    -map_metadata -1 -fflags +bitexact -flags:v +bitexact -movflags +faststart "$1.mp4"
}

for shape in landscape:320x180 portrait:180x320; do
  name=${shape%%:*} size=${shape##*:}
  make_clip "$name-0" "testsrc2=size=$size:rate=24" 32
  make_clip "$name-1" "gradients=size=$size:rate=24:c0=0x0b3d91:c1=0xff7f50:c2=0xffd166:nb_colors=3:seed=7:speed=0.03"
  make_clip "$name-2" "gradients=size=$size:rate=24:c0=0x1b4332:c1=0x95d5b2:c2=0xf1faee:nb_colors=3:seed=21:speed=0.03"
  make_clip "$name-3" "gradients=size=$size:rate=24:c0=0x240046:c1=0xc77dff:c2=0xff006e:nb_colors=3:seed=42:speed=0.03"
  make_clip "$name-4" "life=size=$size:rate=24:mold=10:ratio=0.08:death_color=0x1d3557:life_color=0xa8dadc:seed=5,scale=$size" 40
done
