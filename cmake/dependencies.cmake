# Every library that the programs link, found once for the whole tree.

find_package(PkgConfig REQUIRED)
foreach(library IN ITEMS
    "ARCHIVE libarchive" "AVCODEC libavcodec libavutil" "AVFORMAT libavformat" "CRYPTO libcrypto" "JANSSON jansson" "JWT libjwt" "OPUS opus" "PQ libpq" "PULSE libpulse" "SECCOMP libseccomp" "SODIUM libsodium"
    "WEBSOCKETS libwebsockets" "X264 x264"
    "XCB xcb" "XCB_RANDR xcb-randr" "XCB_DAMAGE xcb-damage" "XCB_SYNC xcb-sync" "XCB_XFIXES xcb-xfixes" "XCB_XTEST xcb-xtest" "XCB_XKB xcb-xkb"
    "ZLIB zlib")
  separate_arguments(library)
  list(POP_FRONT library prefix)
  pkg_check_modules(${prefix} REQUIRED IMPORTED_TARGET GLOBAL ${library})
endforeach()
if(BUILD_TESTING)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET GLOBAL cmocka)
endif()
