"""Peers of our own writing, for the comparison: Huffman, rANS and fixed-width decoders, each with its golden coder.

Every choice is made in the peer's favour: no header, no checksum, no count of weights. A stream starts after a reset,
and whoever takes the weights knows how many there are. All words are 32 bits; a decoder asks for one word more than it
needs, so a stream ends in a word of padding.
"""
